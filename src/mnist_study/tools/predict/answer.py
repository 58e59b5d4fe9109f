"""With what probability a variant's networks name each class."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from mnist_study import architectures
from mnist_study.core.arithmetic import head, network, scoring
from mnist_study.core.errors import UserError
from mnist_study.core.inference import logits
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.evaluate import load_finite, require_version


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
        load(model, recipe, seed, trained)
        if exact is None:
            own = logits(model, pictures, policy)
        else:
            own = scoring.logits(exact, pictures, policy.mean, policy.sd)
        answers.append(head.probabilities(own).float())
    return torch.stack(answers).mean(0).numpy()


def load(model: nn.Module, recipe: Recipe, seed: int, trained: Path) -> Path:
    """Put a seed's weights from the folder `trained` into the model, and give their file.

    Raises UserError where it is missing, damaged, of another network or of another version of the arithmetic.
    """
    path = trained / f"seed-{seed}.safetensors"
    if not path.exists():
        raise UserError(f"{path}: missing; `dvc pull models/{recipe.variant}` restores it")
    load_finite(model, path)
    if recipe.engine == "exact":
        require_version(path)
    return path
