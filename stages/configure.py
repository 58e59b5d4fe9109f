"""Check the whole of params.yaml and write what the other stages read, before any work is done."""

import argparse
import shutil
from pathlib import Path

from mnist_study import console, networks, params
from mnist_study.models import summary


def main(*, only_check: bool) -> None:
    """Read params.yaml; write build/: data, networks and study.json, policies/<policy>.json, recipes/<variant>.json."""
    architectures = {name: summary.options(name) for name in summary.architectures()}
    plan = params.load(Path("params.yaml"), architectures, summary.count_parameters)
    if only_check:
        return
    build = Path("build")
    for folder in ("policies", "recipes"):
        shutil.rmtree(build / folder, ignore_errors=True)
        (build / folder).mkdir(parents=True)
    files = plan.files() | {"networks.json": networks.to_json(summary.networks(plan.recipes))}
    for name, text in files.items():
        (build / name).write_text(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    with console.plain_errors():
        main(only_check=arguments.check)
