"""Score a variant's final weights on the test images."""

from pathlib import Path

from mnist_study.core import files
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.evaluate import evaluate
from mnist_study.running import console


def main(variant: str) -> None:
    """Read the recipe, its policy, the images and the weights; write the figures and the predictions."""
    recipe = Recipe.read(Path("build/recipes") / f"{variant}.json")
    policy = Policy.read(Path("data/transforms") / f"{recipe.augmentation}.json")
    evaluation = evaluate(recipe, policy, Path("data/mnist"), Path("models") / variant)
    files.write(Path("results/predictions") / f"{variant}.npz", evaluation.to_npz())
    files.write(Path("results/evaluation") / f"{variant}.json", evaluation.to_json().encode())


if __name__ == "__main__":
    with console.plain_errors():
        main(console.argument("variant", "a name under `variants` in params.yaml"))
