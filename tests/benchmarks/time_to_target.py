"""Seconds to the first epoch that ends with 99.40 % of the test images right: the engine exact and the plain recipe.

Both train transition_fc on MNIST one after the other, each with the machine to itself: exact one network with all
cores, the plain recipe with torch's default threads and two workers that load its data. Training counts, and what the
engine needs to be ready; importing, reading the files and looking at the test images do not. build/bench.json is
updated after each epoch, so that an interrupted run leaves what it knows. Where plain was not there when it ended, its
seconds are a lower bound.
"""

import argparse
import math
import multiprocessing
import os
import time
from collections.abc import Callable
from contextlib import suppress

import torch

from mnist_study import architectures, kernels
from mnist_study.core.arithmetic import network, scoring
from mnist_study.train.loop import train
from mnist_study.train.messages import Progress
from tests.benchmarks import cases, digits, figures, plain_recipe, plain_replica
from tests.benchmarks.cases import Case
from tests.benchmarks.side_by_side import Stopped

ARCHITECTURE = "transition_fc"
EPOCHS = 19


class Clock:
    """The seconds of one training, and after each epoch [seconds, test accuracy in percent]."""

    def __init__(self, name: str, given: argparse.Namespace):
        self.name, self.given = name, given
        self.limit = given.plain_seconds if name == "plain" else math.inf
        self.curve: list[list[float]] = []
        self.passed, self.begun = 0.0, time.perf_counter()

    def step_ended(self, _images: int = 0) -> None:
        """Count the time until now; raises Stopped at the limit."""
        now = time.perf_counter()
        self.passed, self.begun = self.passed + now - self.begun, now
        if self.passed >= self.limit:
            raise Stopped

    def epoch_ended(self, test_accuracy: Callable[[], float]) -> None:
        """Stop the clock for a look at the test images; raises Stopped at the target or the limit."""
        self.step_ended()
        self.curve.append([round(self.passed, 1), round(test_accuracy(), 2)])
        print(f"{self.name}: epoch {len(self.curve)}, {self.passed:,.1f} s, {self.curve[-1][1]:.2f} %", flush=True)
        self.save()
        if self.reached:
            raise Stopped
        self.begun = time.perf_counter()

    @property
    def reached(self) -> bool:
        return bool(self.curve) and self.curve[-1][1] >= self.given.target

    def save(self) -> None:
        """Put this training's figures beside the other's in build/bench.json."""
        both = figures.held().get("time_to_target", {})
        own = {"s": round(self.passed, 1), "reached": self.reached, "curve": self.curve, "options": self.options()}
        both |= {f"{self.name}_{key}": value for key, value in own.items()}
        ours, theirs = (both.get(f"{name}_options", {}).get("target") for name in ("exact", "plain"))
        comparable = both.get("exact_reached") and ours == theirs
        both["exact_ratio"] = round(both["plain_s"] / both["exact_s"], 1) if comparable else None
        figures.update({"time_to_target": both})

    def options(self) -> dict[str, float]:
        """Give the command line's options that this training heeds."""
        heeded = ["target", "seed", *(["lr", "batch_size", "epochs"] if self.name == "exact" else [])]
        return {name: getattr(self.given, name) for name in heeded}


def train_exact(clock: Clock, given: argparse.Namespace) -> None:
    """Train one network as the pipeline does, but for the test images, which have their turn here."""
    os.environ["HL_NUM_THREADS"] = str(cases.CORES)
    torch.set_num_threads(1)
    images, test = digits.images()
    policy = cases.policy()
    recipe = cases.recipe(
        Case("exact", ARCHITECTURE, given.batch_size),
        scheduler="one_cycle",
        scheduler_options=cases.scheduler_options("one_cycle"),
        lr=given.lr,
        epochs=given.epochs,
    )
    model = architectures.build(ARCHITECTURE)

    def test_accuracy() -> float:
        scorer = kernels.scores(network.read(model), test.images, policy.mean, policy.sd)
        return scoring.measure(scorer.logits(test.images), test.labels, "test")["test_accuracy"]

    def report(progress: Progress) -> None:
        if progress.epoch_ended is None:
            clock.step_ended()
        else:
            clock.epoch_ended(test_accuracy)

    clock.begun = time.perf_counter()
    train(model, recipe, given.seed, policy, images, {}, report)


def train_plain(clock: Clock, given: argparse.Namespace) -> None:
    """Train by the plain recipe and its step schedule."""
    torch.manual_seed(given.seed)
    images, test = digits.images()
    model = architectures.build(ARCHITECTURE)
    loader = plain_recipe.training_loader(images, plain_recipe.BATCH_SIZE, plain_replica.WORKERS)
    test_loader = plain_recipe.test_loader(test, plain_replica.WORKERS)
    optimiser, schedule = plain_recipe.sgd_with_steps(model)
    clock.begun = time.perf_counter()
    for _ in range(EPOCHS):
        plain_recipe.train_epoch(model, loader, optimiser, clock.step_ended)
        schedule.step()
        clock.epoch_ended(lambda: plain_recipe.accuracy(model, test_loader))


def run(name: str, given: argparse.Namespace) -> None:
    """Train until the target, the limit, the last epoch or Ctrl-C, and save how far it came."""
    clock = Clock(name, given)
    try:
        with suppress(Stopped, KeyboardInterrupt):
            (train_exact if name == "exact" else train_plain)(clock, given)
    finally:
        clock.save()
    told = "reached" if clock.reached else "not reached: a lower bound"
    print(f"{name}: {clock.passed:,.1f} s, {given.target:.2f} % {told}", flush=True)


def main() -> None:
    """Read the command line and run one training after the other, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["exact", "plain"], help="leave the other's figures as they are")
    parser.add_argument("--target", type=float, default=99.40, help="percent of the test images (%(default)s)")
    parser.add_argument("--lr", type=float, default=0.1, help="peak of one_cycle, of exact (%(default)s)")
    parser.add_argument("--batch-size", type=int, default=64, help="of exact (%(default)s)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of exact (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of both (%(default)s)")
    parser.add_argument("--plain-seconds", type=float, default=math.inf, help="the longest that plain may take")
    given = parser.parse_args()
    if not digits.MNIST.exists():
        parser.error(f"{digits.MNIST} is missing; `dvc repro download` fetches it")
    for name in [given.only] if given.only else ["exact", "plain"]:
        process = multiprocessing.get_context("spawn").Process(target=run, args=(name, given))
        process.start()
        with suppress(KeyboardInterrupt):
            process.join()
        process.join()


if __name__ == "__main__":
    main()
