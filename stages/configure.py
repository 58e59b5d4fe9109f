"""Check the whole of params.yaml and write what the other stages read, before any work is done."""

import argparse
import shutil
from pathlib import Path

from mnist_study.configure import describe, experiment, networks, params
from mnist_study.core import files
from mnist_study.core.errors import UserError
from mnist_study.running import console


def main(*, only_check: bool) -> None:
    """Read params.yaml; write build/: data, networks and plan.json, policies/<policy>.json, recipes/<variant>.json."""
    architectures = {name: describe.options(name) for name in describe.architecture_names()}
    try:
        plan = params.load(Path("params.yaml"), architectures, describe.count_parameters)
    except UserError as error:
        if experiment.in_workspace():
            raise UserError(f"{error}\n{experiment.WAY_BACK}") from error
        raise
    if only_check:
        return
    build = Path("build")
    for folder in ("policies", "recipes"):
        shutil.rmtree(build / folder, ignore_errors=True)
        (build / folder).mkdir(parents=True)
    texts = plan.files() | {"networks.json": networks.to_json(describe.networks(plan.recipes))}
    for name, text in texts.items():
        files.write(build / name, text.encode())


if __name__ == "__main__":
    with console.plain_errors():
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--check", action="store_true", help="write nothing")
        main(only_check=parser.parse_args().check)
