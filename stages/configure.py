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
    texts = plan.files() | {"networks.json": networks.to_json(summary.networks(plan.recipes))}
    for name, text in texts.items():
        try:
            (build / name).write_text(text)
        except OSError as error:  # that of a full disk comes without a name
            raise OSError(error.errno, error.strerror, str(build / name)) from error


if __name__ == "__main__":
    with console.plain_errors():
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--check", action="store_true", help="write nothing")
        main(only_check=parser.parse_args().check)
