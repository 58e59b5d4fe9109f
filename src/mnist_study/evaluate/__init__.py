"""The final weights of a variant, scored on the test images and on any that were held out."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mnist_study import architectures, kernels
from mnist_study.core import mnist, weights
from mnist_study.core.arithmetic import VERSION, head, network, scoring
from mnist_study.core.errors import UserError
from mnist_study.core.inference import logits
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.evaluate import proof

UNITS, SMALLEST = 65_536, 4  # probabilities are kept in 65,536ths, those below four of them are not


@dataclass(frozen=True)
class Evaluation:
    """Results of S seeds of a variant on N test images.

    `replicas` has a row per seed: accuracies in percent, losses in nats, `confusion` as counts [K][K] of K classes,
    the true one first; with the engine `exact` also `logits_sha256`, of the logits of the images in proof.py.
    `predicted` is uint8 [S, N], `kept` what `compact` gives of the probabilities.
    """

    variant: str
    parameters: int
    replicas: list[dict[str, Any]]
    predicted: np.ndarray
    kept: dict[str, np.ndarray]

    def to_json(self) -> str:
        """Give the text of the file with the figures."""
        fields = {"variant": self.variant, "parameters": self.parameters, "replicas": self.replicas}
        return json.dumps(fields, indent=2, sort_keys=True) + "\n"

    def to_npz(self) -> bytes:
        """Give the bytes of the file with the predictions; its entries are dated 1980, so equal ones are equal."""
        seeds = np.array([replica["seed"] for replica in self.replicas], np.int64)
        arrays = {"seeds": seeds, "predicted": self.predicted, **self.kept}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:  # the headers that np.savez asks for differ by Python's release
            for name, array in arrays.items():
                entry = io.BytesIO()
                np.save(entry, array)
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), entry.getvalue())
        return buffer.getvalue()


def evaluate(recipe: Recipe, policy: Policy, images: Path, trained: Path) -> Evaluation:
    """Score each seed of the recipe on the test images and, if it held any out, on the validation images.

    `images` is the folder of the IDX files, `trained` that of the weights. One thread, so that the same weights give
    the same bytes on any number of cores. Raises UserError where a file is missing or broken.
    """
    torch.set_num_threads(1)
    test = mnist.test_split(images)
    validation = None
    if recipe.validation:
        validation = mnist.hold_out(mnist.training_split(images), recipe.validation)[1]
    model = build(recipe)
    score, exact = scorer(model, recipe, policy), recipe.engine == "exact"
    pictures = proof.images(test.images.shape[1])
    replicas, predicted, probabilities = [], [], []
    for seed in recipe.seeds:
        path = trained / f"seed-{seed}.safetensors"
        load_finite(model, path)
        if exact:
            require_version(path)
        test_logits = score(test.images)
        predicted.append(test_logits.argmax(1).to(torch.uint8).numpy())
        probabilities.append(head.probabilities(test_logits).numpy())
        replica = {"seed": seed, "confusion": confusion(test_logits, test.labels)}
        replica |= scoring.measure(test_logits, test.labels, "test")
        if exact:
            replica["logits_sha256"] = proof.sha256(score(pictures))
        if validation is not None:
            replica |= scoring.measure(score(validation.images), validation.labels, "validation")
        replicas.append(replica)
    answers = np.stack(predicted)
    return Evaluation(
        variant=recipe.variant,
        parameters=architectures.count_parameters(model),
        replicas=replicas,
        predicted=answers,
        kept=compact(np.stack(probabilities), answers),
    )


def build(recipe: Recipe) -> nn.Sequential:
    """Give the recipe's network in the layout in which torch trains, so that both count the same images right."""
    return architectures.build(recipe.architecture, **recipe.model).to(memory_format=torch.channels_last)


def scorer(model: nn.Sequential, recipe: Recipe, policy: Policy) -> Callable[[Tensor], Tensor]:
    """Give what computes logits of images uint8 [N, H, W] by the recipe's engine, with the model's weights by then."""
    if recipe.engine != "exact":
        return lambda images: logits(model, images, policy)
    known = network.of_variant(model, recipe.variant)
    return lambda images: kernels.scores(known, images, policy.mean, policy.sd).logits(images)


def compact(probabilities: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """Keep of probabilities float64 [S, N, classes] what counts, in 4.6 bytes an image where the networks are sure.

    `others` uint8 [S, N]: how many classes other than the predicted one have 4 / 65,536 or more; in the order of seeds,
    images and classes `classes` uint8 [M], which they are, and `shares` uint16 [M], their probabilities in 65,536ths.
    The predicted class has what is left of 65,536.
    """
    shares = np.rint(probabilities * UNITS)
    np.put_along_axis(shares, predicted[..., None].astype(np.int64), 0, axis=2)
    kept = shares >= SMALLEST
    return {
        "others": kept.sum(2).astype(np.uint8),
        "classes": kept.nonzero()[2].astype(np.uint8),
        "shares": shares[kept].astype(np.uint16),
    }


def require_version(path: Path) -> None:
    """Raise UserError where the weights were trained by another version of the arithmetic of integers, or without."""
    version = weights.about(path).get("arithmetic", "none")
    if version != str(VERSION):
        raise UserError(f"{path}: trained by arithmetic {version}, scored by {VERSION}; train the variant again")


def load_finite(model: nn.Module, path: Path) -> None:
    """Fill the model from the file; raises UserError naming it where a value is not a finite number."""
    weights.load(model, path)
    for name, tensor in model.state_dict().items():
        if not tensor.isfinite().all():
            raise UserError(f"{path}: {name} holds values that are not finite; train the variant again")


def confusion(logits: Tensor, labels: Tensor) -> list[list[int]]:
    """Count the images by true class (rows) and predicted class."""
    classes = logits.shape[1]
    cells = labels * classes + logits.argmax(1)
    return torch.bincount(cells, minlength=classes * classes).view(classes, classes).tolist()
