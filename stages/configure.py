"""Check the whole of params.yaml and write what the other stages read, before any work is done."""

import argparse
import shutil
from pathlib import Path

from mnist_study.configure import build, experiment
from mnist_study.core import files
from mnist_study.core.errors import UserError
from mnist_study.running import console


def main(*, only_check: bool) -> None:
    """Read params.yaml; write build/: {data,images,networks,plan}.json, policies/<policy>.json, recipes/<variant>.json.

    A file that stays the same is not touched, so whoever reads it meanwhile finds it.
    """
    try:
        plan = build.read(Path("params.yaml"))
    except UserError as error:
        if experiment.in_workspace():
            raise UserError(f"{error}\n{experiment.WAY_BACK}") from error
        raise
    if only_check:
        return
    if experiment.nothing_restored(Path("models"), Path("dvc.lock")):
        print(experiment.RESTORE_FIRST, flush=True)
    contents = {Path("build") / name: text.encode() for name, text in build.texts(plan).items()}
    for path, content in contents.items():
        if not path.is_file() or path.read_bytes() != content:
            files.write(path, content)
    for folder in (Path("build/policies"), Path("build/recipes")):
        folder.mkdir(exist_ok=True)
        for path in set(folder.iterdir()) - contents.keys():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    with console.plain_errors():
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--check", action="store_true", help="write nothing")
        main(only_check=parser.parse_args().check)
