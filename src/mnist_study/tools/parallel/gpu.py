"""Train what is stale on this machine's GPU, the networks of several variants at once.

It leaves finished checkpoints, those of a training on the processor. The stage of each variant, which DVC runs
afterwards, reads them, trains nothing and writes its outs. So params.yaml and dvc.lock are as without a GPU.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from mnist_study.core.errors import UserError
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.lockstep import loop
from mnist_study.lockstep.training import Training
from mnist_study.train.messages import Note, Progress
from mnist_study.train.replica import read_splits


def train(
    recipes: Iterable[Recipe],
    policies: Path = Path("data/transforms"),
    images: Path = Path("data/mnist"),
    checkpoints: Path = Path("build/checkpoints"),
    device: str = "cuda",
) -> None:
    """Train all seeds of those with `engine: exact`; print a line for each epoch of each kind of network.

    The folders are those of the stages. Raises UserError where a training does, or where torch finds no GPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("GPU: given; torch finds no GPU here")
    kinds: dict[str, list[tuple[Recipe, Policy]]] = {}
    for recipe in recipes:
        if recipe.engine == "exact":
            placed, policy = replace(recipe, device=device), Policy.read(policies / f"{recipe.augmentation}.json")
            kinds.setdefault(loop.kind(placed, policy), []).append((placed, policy))
    for alike in kinds.values():
        splits = read_splits(alike[0][0], images)
        trainings = [
            Training.begin(
                recipe, seed, policy, *splits, checkpoints / recipe.variant / f"seed-{seed}.checkpoint", print
            )
            for recipe, policy in alike
            for seed in recipe.seeds
        ]
        loop.train(trainings, *splits, Lines(trainings, len(splits[0])))


class Lines:
    """Prints a line when all networks of a kind have ended an epoch."""

    def __init__(self, trainings: Sequence[Training], images: int) -> None:
        recipe = trainings[0].recipe
        self.kind = f"{recipe.architecture}, batch size {recipe.batch_size}, {len(trainings)} at once"
        self.left = [training.recipe.epochs - training.epochs for training in trainings]
        self.epochs, self.images, self.ended, self.begun = recipe.epochs, images, 0, time.monotonic()

    def __call__(self, message: Progress | Note) -> None:
        """Count one message."""
        if isinstance(message, Note):
            print(message.text, flush=True)
        elif message.epoch_ended:
            self.ended += 1
            if self.ended % len(self.left) == 0 or self.ended == sum(self.left):
                rate = self.ended * self.images / max(time.monotonic() - self.begun, 1e-3)
                print(f"{self.kind}, epoch {message.epoch}/{self.epochs}, {rate:,.0f} images/s", flush=True)
