"""Compare the logits of landed networks, computed by the kernels here, with metrics/logits.json."""

import json
from collections.abc import Iterator
from pathlib import Path

from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.evaluate import build, load_finite, proof, require_version, scorer

LOGITS, MODELS = Path("metrics/logits.json"), Path("models")


def compared(device: str = "cpu") -> Iterator[tuple[str, bool]]:
    """Give the file of each landed network whose weights are here, and whether its logits are equal to the bit.

    Raises UserError where a file is damaged.
    """
    hashes = json.loads(LOGITS.read_text()) if LOGITS.exists() else {}
    for variant, seeds in hashes.items():
        files = {seed: MODELS / variant / f"seed-{seed}.safetensors" for seed in seeds}
        if not all(path.exists() for path in files.values()):
            continue
        recipe = Recipe.read(Path("build/recipes") / f"{variant}.json")
        policy = Policy.read(Path("data/transforms") / f"{recipe.augmentation}.json")
        pictures = proof.images(json.loads(Path("build/images.json").read_text())["side"]).to(device)
        model = build(recipe).to(device)
        score = scorer(model, recipe, policy)
        for seed, path in files.items():
            load_finite(model, path)
            require_version(path)
            yield str(path), proof.sha256(score(pictures).cpu()) == seeds[seed]
