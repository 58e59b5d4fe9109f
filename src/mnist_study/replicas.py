"""The seeds of one variant side by side: a process and a thread each, so that their number changes no byte."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from mnist_study import mnist, models, weights
from mnist_study.augmentation import Policy
from mnist_study.errors import StudyError
from mnist_study.recipe import Recipe
from mnist_study.training import Progress, train

Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Replica:
    """What training one seed gave: the final weights as a safetensors file's bytes, and the history."""

    seed: int
    weights: bytes
    history: list[dict[str, Any]]


def train_all(recipe: Recipe, policy: Policy, images: Path, report: Report) -> list[Replica]:
    """Train every seed of the recipe, as many at once as there are cores; give them in the recipe's order.

    `images` is the folder of the IDX files. `report` is called in this process. The first seed that fails ends the
    others; raises StudyError where training does, and where a process dies.
    """
    context = multiprocessing.get_context("spawn")
    waiting = list(recipe.seeds)
    running: dict[Connection, tuple[int, BaseProcess]] = {}
    finished: dict[int, Replica] = {}
    try:
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                seed = waiting.pop(0)
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(sender, recipe, seed, policy, images), daemon=True)
                process.start()
                sender.close()
                running[receiver] = seed, process
            for receiver in wait(list(running)):
                assert isinstance(receiver, Connection)
                seed, process = running[receiver]
                message = _receive(receiver, recipe, seed, process)
                if isinstance(message, Replica):
                    finished[seed] = message
                    process.join()
                    del running[receiver]
                else:
                    report(message)
    finally:
        for _, process in running.values():
            process.terminate()
    return [finished[seed] for seed in recipe.seeds]


def train_one(recipe: Recipe, seed: int, policy: Policy, images: Path, report: Report) -> Replica:
    """Build and train one seed on one thread, observing the test images and, if there is one, the validation split."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    training = mnist.training_split(images)
    observed = {"test": mnist.test_split(images)}
    if recipe.validation:
        training, observed["validation"] = mnist.hold_out(training, recipe.validation)
    torch.manual_seed(seed)
    model = models.build(recipe.architecture, **recipe.model)
    trained, history = train(model, recipe, seed, policy, training, observed, report)
    return Replica(seed, weights.pack(trained), history)


def _work(sender: Connection, recipe: Recipe, seed: int, policy: Policy, images: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    try:
        sender.send(train_one(recipe, seed, policy, images, sender.send))
    except StudyError as error:
        sender.send(error)


def _receive(receiver: Connection, recipe: Recipe, seed: int, process: BaseProcess) -> Progress | Replica:
    try:
        message = receiver.recv()
    except EOFError:
        process.join()
        raise StudyError(
            f"variants.{recipe.variant}: the process of seed {seed} died with exit status {process.exitcode}"
        ) from None
    if isinstance(message, StudyError):
        raise message
    return message
