"""A variant's trained networks, for scorer.js, each with the SHA-256 of the proof's logits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from mnist_study import architectures
from mnist_study.core.arithmetic.network import UnsupportedError, read
from mnist_study.core.errors import UserError
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.evaluate import load_finite, require_version
from mnist_study.tools.site import proof
from mnist_study.tools.site.network import describe


@dataclass(frozen=True)
class Trained:
    """A trained network as `describe` gives it and, with `engine: exact`, the SHA-256 of the proof's logits."""

    network: dict[str, Any]
    sha256: str | None


def networks(recipe: Recipe, policy: Policy, trained: Path, pictures: Tensor) -> dict[int, Trained]:
    """Give each seed's network, `pictures` being the proof's; empty for one that the arithmetic does not define.

    Raises UserError naming a file of weights in the folder `trained` that is missing or of another network.
    """
    model = architectures.build(recipe.architecture, **recipe.model).eval()
    try:
        network = read(model)
    except UnsupportedError:
        return {}
    found = {}
    for seed in recipe.seeds:
        path = trained / f"seed-{seed}.safetensors"
        if not path.exists():
            raise UserError(f"{path}: missing; `dvc pull models/{recipe.variant}` restores it")
        load_finite(model, path)
        sha256 = None
        if recipe.engine == "exact":
            require_version(path)
            sha256 = proof.sha256(network, pictures, policy.mean, policy.sd)
        found[seed] = Trained(describe(model, policy.mean, policy.sd), sha256)
    return found
