"""How a trained variant does on images unlike those of the test: training images, changed ones, digits set in type."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from mnist_study import kernels
from mnist_study.augmentation import with_kinds
from mnist_study.core import mnist
from mnist_study.core.arithmetic.pixels import STEPS
from mnist_study.core.errors import UserError
from mnist_study.core.mnist import Split
from mnist_study.core.policy import Policy, Range
from mnist_study.core.recipe import Recipe
from mnist_study.evaluate import build, load_finite, scorer
from mnist_study.robustness import typeset
from mnist_study.transforms import normalisation

EVERY = 5  # of all images one in so many: MNIST's training images are hard and easy in turn, its test images by halves
TRAINING = "training images, as they are"
CHANGES: dict[str, dict[str, Range]] = {  # what is done to each test image, by the kinds of augmentation
    "as they are": {},
    "moved by a seventh of the side, to the right and down": {
        "translation_x": (1 / 7, 1 / 7),
        "translation_y": (1 / 7, 1 / 7),
    },
    "turned by 30 degrees, clockwise": {"rotation": (30.0, 30.0)},
    "turned by 30 degrees, the other way": {"rotation": (-30.0, -30.0)},
    "reduced to 0.7 of their size": {"scale": (0.7, 0.7)},
    "enlarged by 1.25": {"scale": (1.25, 1.25)},
    "blurred, by a standard deviation of 1 pixel": {"blur": (1.0, 1.0)},
    "with noise, standard deviation 0.1 of white": {"noise": (0.1, 0.1)},
    "with noise, standard deviation 0.2 of white": {"noise": (0.2, 0.2)},
}


@dataclass(frozen=True)
class Condition:
    """What was done to how many images, and the accuracy of each seed's network on them, in percent."""

    change: str
    images: int
    accuracies: list[float]


def measure(recipe: Recipe, classes: list[str], images: Path, trained: Path) -> list[Condition]:
    """Score each seed of the recipe on training images, on test images under every change, and on digits set in type.

    `images` is the folder of the IDX files, `trained` that of the weights. Images that are no digits, as the names of
    their `classes` tell, are not set in type. One thread, as in `evaluate`. Raises UserError where a file is missing or
    broken.
    """
    torch.set_num_threads(1)
    training, whole = mnist.training_split(images), mnist.test_split(images)
    policy = Policy(*normalisation.measure(training.images), {})
    test = Split(whole.images[::EVERY], whole.labels[::EVERY])
    splits = {change: changed(test, policy, ranges) for change, ranges in CHANGES.items()}
    splits[TRAINING] = Split(training.images[::EVERY], training.labels[::EVERY])
    if classes == typeset.CLASSES:
        splits[typeset.CHANGE] = typeset.digits(test.images.shape[1])
    accuracies = {change: [] for change in splits}
    model = build(recipe)
    score = scorer(model, recipe, policy)
    for seed in recipe.seeds:
        weights = trained / f"seed-{seed}.safetensors"
        if not weights.exists():
            raise UserError(f"{weights}: missing; `dvc repro train@{recipe.variant}` makes it")
        load_finite(model, weights)
        for change, split in splits.items():
            right = score(split.images).argmax(1) == split.labels
            accuracies[change].append(round(100 * right.double().mean().item(), 2))
    return [Condition(change, len(split), accuracies[change]) for change, split in splits.items()]


def changed(split: Split, policy: Policy, ranges: dict[str, Range]) -> Split:
    """Give the images as `augmentation` changes them, rounded to 8 bits."""
    if not ranges:
        return split
    only = with_kinds(Policy(policy.mean, policy.sd, ranges))
    pixels = kernels.augment(split.images, torch.arange(len(split)), only, seed=0, epoch=0)
    return Split(((pixels.long() + STEPS // 2) // STEPS).to(torch.uint8), split.labels)


def to_json(recipe: Recipe, conditions: list[Condition]) -> str:
    """Give the text of the file that the report reads."""
    fields = {"variant": recipe.variant, "seeds": recipe.seeds, "conditions": [asdict(each) for each in conditions]}
    return json.dumps(fields, indent=2) + "\n"
