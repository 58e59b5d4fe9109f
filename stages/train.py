"""Train one variant, once per seed: weights and history, written when every seed is done."""

import json
from pathlib import Path

from mnist_study import console, mnist, models, progress, replicas, weights
from mnist_study.augmentation import Policy
from mnist_study.recipe import Recipe


def main(variant: str) -> None:
    """Read the recipe, its policy and the images; write models/<variant>/ and results/training/<variant>.json."""
    recipe = Recipe.read(Path("build/recipes") / f"{variant}.json")
    policy = Policy.read(Path("data/transforms") / f"{recipe.augmentation}.json")
    images = Path("data/mnist")
    count = len(mnist.training_split(images)) - recipe.validation

    with progress.display(variant, recipe.epochs, count) as show:
        trained = replicas.train_all(recipe, policy, images, show)

    for replica in trained:
        weights.write(Path("models") / variant / f"seed-{replica.seed}.safetensors", replica.weights)
    results = {
        "variant": variant,
        "parameters": models.count_parameters(models.build(recipe.architecture, **recipe.model)),
        "replicas": [{"seed": replica.seed, "history": replica.history} for replica in trained],
    }
    target = Path("results/training") / f"{variant}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    with console.plain_errors():
        main(console.argument("variant", "a name under `variants` in params.yaml"))
