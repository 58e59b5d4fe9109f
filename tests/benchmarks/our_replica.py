"""One network in our own training loop, with one of our engines, as `replica.train_one` trains it."""

from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

import torch

from mnist_study import architectures, kernels
from mnist_study.core.arithmetic.random_words import key
from mnist_study.core.mnist import Split
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.train import loop
from mnist_study.train.messages import Progress
from tests.benchmarks import digits
from tests.benchmarks.rounds import Rounds
from tests.benchmarks.side_by_side import Stopped

EPOCH = 1024  # images of the short epochs that are timed: a round is some whole ones


def train_in_rounds(pipe: Connection, recipe: Recipe, policy: Policy, seed: int) -> None:
    """Train until there are no more rounds."""
    rounds = Rounds(pipe, warm_up=1)
    kernels.augment = rounds.timed(kernels.augment)
    train(recipe, policy, seed, digits.first(digits.images()[0], EPOCH), {}, lambda: rounds.learnt(EPOCH))


def train_steps(recipe: Recipe, policy: Policy, steps: int, *, with_test: bool) -> None:
    """Train for some steps, then score the test images if asked to."""
    images, test = digits.images()
    some = digits.first(images, steps * recipe.batch_size)
    observed = {"test": test} if with_test else {}

    def stop() -> None:
        raise Stopped

    with suppress(Stopped):
        train(recipe, policy, 0, some, observed, stop)


def train(
    recipe: Recipe,
    policy: Policy,
    seed: int,
    images: Split,
    observed: dict[str, Split],
    after_epoch: Callable[[], None],
) -> None:
    """Train until `after_epoch` raises."""
    torch.set_num_threads(1)
    torch.set_deterministic_debug_mode("error")
    torch.manual_seed(int(key("weights", seed)[0]))
    model = architectures.build(recipe.architecture, **recipe.model)

    def report(progress: Progress) -> None:
        if progress.epoch_ended is not None:
            after_epoch()

    loop.train(model, recipe, seed, policy, images, observed, report)
