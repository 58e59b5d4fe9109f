"""Which variant answers, and with what probability it names each class."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mnist_study import architectures
from mnist_study.core.arithmetic import head, network, scoring
from mnist_study.core.augmentation import Policy, normalise
from mnist_study.core.errors import UserError
from mnist_study.core.inference import logits
from mnist_study.core.recipe import Recipe
from mnist_study.evaluate import load_finite, require_version
from mnist_study.report.results.metrics import CHAMPIONS


def choose(variants: Mapping[str, Mapping[str, Any]], given: str | None) -> tuple[str, str]:
    """Name the variant to use and say why it is that one: `given`, or the champion, or the best until there is one.

    `variants` is what metrics/variants.json holds. Raises UserError where it has none of that name.
    """
    if given is not None:
        if given in variants:
            return given, "chosen"
        near = difflib.get_close_matches(given, variants, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise UserError(f"--variant: {given!r} given; allowed are the names in metrics/variants.json{meant}")
    if not variants:
        raise UserError("metrics/variants.json: names no variant; `dvc repro` trains them")
    if CHAMPIONS[0] in variants:
        return CHAMPIONS[0], "the default"
    best = max(variants, key=lambda name: variants[name]["test_accuracy"])
    return best, f"the best in metrics/variants.json, where there is no {CHAMPIONS[0]} yet"


def probabilities(recipe: Recipe, policy: Policy, trained: Path, images: np.ndarray) -> np.ndarray:
    """Give the probability of each class for uint8 images [N, side, side]: [N, K], the mean over the seeds' networks.

    `trained` is the folder of the weights. Raises UserError where one is missing or of another network.
    """
    torch.set_num_threads(1)
    pictures = torch.from_numpy(images)
    model = architectures.build(recipe.architecture, **recipe.model)
    exact = network.of_variant(model, recipe.variant) if recipe.engine == "exact" else None
    answers = []
    for seed in recipe.seeds:
        path = trained / f"seed-{seed}.safetensors"
        if not path.exists():
            raise UserError(f"{path}: missing; `dvc pull models/{recipe.variant}` restores it")
        load_finite(model, path)
        if exact is None:
            answers.append(logits(model, normalise(pictures, policy)).softmax(1))
        else:
            require_version(path)
            own = scoring.logits(exact, pictures, policy.mean, policy.sd)
            answers.append(head.probabilities(own).float())
    return torch.stack(answers).mean(0).numpy()
