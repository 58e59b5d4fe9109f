"""Score a champion on images unlike those that it learnt."""

import json
from pathlib import Path

from mnist_study import robustness
from mnist_study.core import files
from mnist_study.core.recipe import Recipe
from mnist_study.running import console


def main(variant: str) -> None:
    """Read the recipe, the images and the weights; write an accuracy for each change of the images and each seed."""
    recipe = Recipe.read(Path("build/recipes") / f"{variant}.json")
    classes = json.loads(Path("build/images.json").read_text())["classes"]
    conditions = robustness.measure(recipe, classes, Path("data/mnist"), Path("models") / variant)
    files.write(Path("results/robustness") / f"{variant}.json", robustness.to_json(recipe, conditions).encode())


if __name__ == "__main__":
    with console.plain_errors():
        main(console.argument("variant", "a name under `champions` in params.yaml"))
