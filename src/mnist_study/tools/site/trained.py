"""A variant's trained networks, for scorer.js."""

from pathlib import Path
from typing import Any

from mnist_study import architectures
from mnist_study.core.arithmetic.network import UnsupportedError, read
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.tools.predict.answer import load
from mnist_study.tools.site.network import describe


def networks(recipe: Recipe, policy: Policy, trained: Path) -> dict[int, dict[str, Any]]:
    """Give each seed's network as `describe` does; empty for one that the arithmetic does not define.

    Raises UserError naming a file of weights in the folder `trained` that is missing or of another network.
    """
    model = architectures.build(recipe.architecture, **recipe.model).eval()
    try:
        read(model)
    except UnsupportedError:
        return {}
    found = {}
    for seed in recipe.seeds:
        load(model, recipe, seed, trained)
        found[seed] = describe(model, policy.mean, policy.sd)
    return found
