"""One network in the plain recipe: alone as people run it, or one of several at once on a thread each."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

import torch

from mnist_study import architectures
from tests.benchmarks import digits, plain_recipe
from tests.benchmarks.rounds import Rounds
from tests.benchmarks.side_by_side import Stopped

WARM_UP = 4  # steps, until the queue of loaded batches is as full as it gets
WORKERS = 2  # of the DataLoader, where the model has the machine to itself


def train_in_rounds(pipe: Connection, architecture: str, batch_size: int, seed: int, *, alone: bool) -> None:
    """Train until there are no more rounds."""
    train(architecture, batch_size, seed, Rounds(pipe, WARM_UP).learnt, alone=alone)


def train_steps(architecture: str, batch_size: int, steps: int, *, alone: bool) -> None:
    """Train for some steps."""
    done = itertools.count(1)

    def after_step(_images: int) -> None:
        if next(done) == steps:
            raise Stopped

    with suppress(Stopped):
        train(architecture, batch_size, 0, after_step, alone=alone)


def train(architecture: str, batch_size: int, seed: int, after_step: Callable[[int], None], *, alone: bool) -> None:
    """Train until `after_step` raises."""
    if not alone:
        torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = architectures.build(architecture)
    loader = plain_recipe.training_loader(digits.images()[0], batch_size, WORKERS if alone else 0)
    optimiser, _ = plain_recipe.sgd_with_steps(model)
    while True:
        plain_recipe.train_epoch(model, loader, optimiser, after_step)
