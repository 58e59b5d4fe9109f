"""Train one variant, once per seed: weights and history, written when every seed is done."""

import hashlib
import json
import shutil
from pathlib import Path

from mnist_study.core import files
from mnist_study.core.recipe import Recipe
from mnist_study.running import console, pool, progress


def main(variant: str) -> None:
    """Read the recipe, its policy and the images; write models/<variant>/ and results/training/<variant>.json.

    Until then build/checkpoints/<variant>/ holds checkpoints, build/progress/<variant>.json how far it is, and the
    report's table of learning curves each epoch so far. build/trained_on/<variant>.json is no out, since equal weights
    of two machines would then have two hashes; `report` copies it into metrics/.
    """
    recipe = Recipe.read(Path("build/recipes") / f"{variant}.json")
    policy = Path("data/transforms") / f"{recipe.augmentation}.json"
    checkpoints = Path("build/checkpoints") / variant
    status, curves = Path("build/progress") / f"{variant}.json", Path("reports/plots/learning_curves.csv")
    with progress.display(recipe, status, curves) as show:
        trained = pool.train_all(recipe, policy, Path("data/mnist"), checkpoints, show)

    for replica in trained:
        files.write(Path("models") / variant / f"seed-{replica.seed}.safetensors", replica.weights)
    results = {
        "variant": variant,
        "parameters": trained[0].parameters,
        "engine": trained[0].engine,
        "precision": trained[0].precision,
        "replicas": [{"seed": replica.seed, "history": replica.history} for replica in trained],
    }
    content = (json.dumps(results, indent=2, sort_keys=True) + "\n").encode()
    files.write(Path("results/training") / f"{variant}.json", content)
    trained_on = {"results_md5": hashlib.md5(content, usedforsecurity=False).hexdigest(), **trained[0].environment}
    files.write(Path("build/trained_on") / f"{variant}.json", json.dumps(trained_on).encode())
    shutil.rmtree(checkpoints, ignore_errors=True)


if __name__ == "__main__":
    with console.plain_errors():
        main(console.argument("variant", "a name under `variants` in params.yaml"))
