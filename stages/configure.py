"""Check the whole of params.yaml and write what the other stages read, before any work is done."""

import argparse
import os
import shutil
from pathlib import Path

from mnist_study import console, networks, params
from mnist_study.errors import StudyError
from mnist_study.models import summary

WAY_BACK = (
    "params.yaml: what `dvc exp run` wrote stays in it; `git restore params.yaml` takes back all that is not committed"
)


def main(*, only_check: bool) -> None:
    """Read params.yaml; write build/: data, networks and study.json, policies/<policy>.json, recipes/<variant>.json."""
    architectures = {name: summary.options(name) for name in summary.architectures()}
    try:
        plan = params.load(Path("params.yaml"), architectures, summary.count_parameters)
    except StudyError as error:
        if in_workspace_of_an_experiment():
            raise StudyError(f"{error}\n{WAY_BACK}") from error
        raise
    if only_check:
        return
    build = Path("build")
    for folder in ("policies", "recipes"):
        shutil.rmtree(build / folder, ignore_errors=True)
        (build / folder).mkdir(parents=True)
    texts = plan.files() | {"networks.json": networks.to_json(summary.networks(plan.recipes))}
    for name, text in texts.items():
        try:
            (build / name).write_text(text)
        except OSError as error:  # that of a full disk comes without a name
            raise OSError(error.errno, error.strerror, str(build / name)) from error


def in_workspace_of_an_experiment() -> bool:
    """Tell whether `dvc exp run` has this stage run, and not in a copy (`--temp`, the queue) that nobody will see."""
    root = os.environ.get("DVC_ROOT")  # in a copy it is the workspace all the same
    return "DVC_EXP_NAME" in os.environ and root is not None and Path(root).samefile(Path.cwd())


if __name__ == "__main__":
    with console.plain_errors():
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--check", action="store_true", help="write nothing")
        main(only_check=parser.parse_args().check)
