"""Check the whole of params.yaml and write what the other stages read, before any work is done."""

import json
import shutil
from pathlib import Path
from typing import Any

from mnist_study import console, models, params
from mnist_study.models import summary


def count(architecture: str, options: dict[str, Any]) -> int:
    """Count the parameters of a network that has not been built before."""
    return models.count_parameters(models.build(architecture, **options))


def main() -> None:
    """Read params.yaml; write build/: data.json, study.json, policies/<policy>.json, recipes/<variant>.json."""
    architectures = {name: summary.options(name) for name in summary.architectures()}
    study = params.load(Path("params.yaml"), architectures, count)
    files = {
        "data.json": study.data.model_dump(),
        "study.json": {
            "target": study.target.model_dump(),
            "variants": [recipe.variant for recipe in study.recipes],
        },
        **{f"policies/{name}.json": {"ranges": policy.ranges()} for name, policy in study.policies.items()},
    }
    texts = {name: json.dumps(content, indent=2, sort_keys=True) + "\n" for name, content in files.items()}
    texts |= {f"recipes/{recipe.variant}.json": recipe.to_json() for recipe in study.recipes}

    build = Path("build")
    for folder in ("policies", "recipes"):
        shutil.rmtree(build / folder, ignore_errors=True)
        (build / folder).mkdir(parents=True)
    for name, text in texts.items():
        (build / name).write_text(text)


if __name__ == "__main__":
    with console.plain_errors():
        main()
