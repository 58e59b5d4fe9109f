"""Is the arithmetic of integers as good as float32? Train seeds of a variant by both and compare held-out images.

    python -m tests.benchmarks.equivalence VARIANT --seeds 20 --epochs 3

Both have the same initial weights, order of images, pixels and dropout. A training's line is kept in
build/equivalence.jsonl, and made only once. Epochs of the schedule shrink with the number of all.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired
from torch import Tensor

from mnist_study import architectures, kernels
from mnist_study.augmentation import with_kinds
from mnist_study.core import mnist
from mnist_study.core.arithmetic import chain
from mnist_study.core.arithmetic.head import LOSS_UNITS
from mnist_study.core.arithmetic.network import Cell, Network
from mnist_study.core.arithmetic.pixels import STEPS, normalised
from mnist_study.core.arithmetic.random_words import Key
from mnist_study.core.arithmetic.reference import Reference
from mnist_study.core.arithmetic.step import Result
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.running import pool
from mnist_study.train import loop
from tests.benchmarks.digits import MNIST, ROOT, first

KEPT = ROOT / "build" / "equivalence.jsonl"
ARMS = "exact", "float32"
HELD_OUT = 10_000
MARGIN = 0.1  # points
Task = tuple[str, str, int, int]  # variant, arm, seed, epochs


class Float32:
    """A network in torch's float32, in the place of `Reference`."""

    descend, average = staticmethod(Reference.descend), staticmethod(Reference.average)

    def __init__(self, network: Network, mean: float, sd: float) -> None:
        self.network, self.mean, self.sd = network, mean, sd
        norms = [cell.norm for cell in network.cells if cell.norm is not None]
        ends = [network.head] if network.head is not None else []
        self.layers = [*(cell.convolution for cell in network.cells), *norms, *ends]

    def forward_backward(
        self, pixels: Tensor, labels: Tensor, numbers: Tensor, dropout: list[Key], smoothing: float
    ) -> Result:
        """As `Reference`'s."""
        parameters = list(dict.fromkeys(parameter for layer in self.layers for parameter in layer.parameters()))
        logits = self._logits(pixels, partial(self._dropped, numbers=numbers), dropout)
        losses = F.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
        gradients = [gradient.double() for gradient in torch.autograd.grad(losses.sum(), parameters)]
        diverged = torch.tensor(not losses.isfinite().all())
        units = (losses.detach().double() * LOSS_UNITS).round().long()
        return Result(units, logits.argmax(1), dict(zip(parameters, gradients, strict=True)), diverged)

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """As `Reference`'s."""
        return torch.cat([self._logits(part.long() * STEPS, None, []) for part in images.split(500)])

    def _logits(self, pixels: Tensor, dropped: Any, keys: list[Key]) -> Tensor:
        for layer in self.layers:
            layer.train(dropped is not None)
        x = normalised(pixels, self.mean, self.sd)[0]
        for number, cell in enumerate(self.network.cells):
            x = cell.convolution(x)
            x = x.relu() if cell.first_relu else x
            x = x if cell.norm is None else cell.norm(x)
            x = x.relu() if cell.last_relu else x
            x = dropped(x, cell, keys[number]) if cell.dropout > 0 and dropped is not None else x
            x = F.max_pool2d(x, 2) if cell.pool else x
        x = x.mean((2, 3))
        return x if self.network.head is None else self.network.head(x)

    @staticmethod
    def _dropped(x: Tensor, cell: Cell, key: Key, numbers: Tensor) -> Tensor:
        factor = chain.SHARES / (chain.SHARES - chain.dropped_shares(cell.dropout))
        return torch.where(chain.keeps(cell, key, numbers, x), x * factor, 0.0)


def shortened(recipe: Recipe, epochs: int) -> Recipe:
    """Give the recipe with fewer epochs, and with as many images held out as are compared."""

    def fewer(count: int) -> int:
        return max(1, round(count * epochs / recipe.epochs)) if count else 0

    counts = {"step_size", "patience"}
    options = {name: fewer(value) if name in counts else value for name, value in recipe.scheduler_options.items()}
    annealed = fewer(recipe.anneal_epochs)
    return replace(
        recipe,
        epochs=epochs,
        scheduler_options=options,
        anneal_epochs=annealed,
        engine="exact",
        device="cpu",
        validation=HELD_OUT,
    )


def train(task: Task, images: int | None) -> dict[str, Any]:
    """Train one network; give its history."""
    variant, arm, seed, epochs = task
    torch.set_num_threads(1)
    recipe = shortened(Recipe.read(ROOT / "build" / "recipes" / f"{variant}.json"), epochs)
    policy = with_kinds(Policy.read(ROOT / "data" / "transforms" / f"{recipe.augmentation}.json"))
    training, held_out = mnist.hold_out(mnist.training_split(MNIST), HELD_OUT)
    training = training if images is None else first(training, images)
    model = architectures.build(recipe.architecture, **recipe.model)
    observed = {"validation": held_out}

    def trained() -> list[dict[str, Any]]:
        return loop.train(model, recipe, seed, policy, training, observed, lambda _: None)[1]

    if arm == "exact":
        history = trained()
    else:
        with (
            mock.patch.object(kernels, "trains", lambda network, _images, _size, *scale: Float32(network, *scale)),
            mock.patch.object(kernels, "scores", lambda network, _images, *scale: Float32(network, *scale)),
        ):
            history = trained()
    return {"task": task, "images": images, "history": history}


def compared(rows: list[dict[str, Any]]) -> str:
    """Word the paired difference of held-out accuracy and loss in the last epoch, integers less float32."""
    last = {tuple(row["task"]): row["history"][-1] for row in rows}
    pairs = [(last[task], last[task[0], "float32", *task[2:]]) for task in last if task[1] == "exact"]
    lines = [f"{len(pairs)} seeds, 90 % intervals"]
    for name in ("validation_accuracy", "validation_loss"):
        ours, theirs = ([each[side][name] for each in pairs] for side in (0, 1))
        differences = [one - other for one, other in zip(ours, theirs, strict=True)]
        half = stats.t.ppf(0.95, len(pairs) - 1) * stdev(differences) / len(pairs) ** 0.5
        at = mean(differences)
        lines.append(
            f"{name}: exact {mean(ours):.4f}, float32 {mean(theirs):.4f}, difference {at:+.4f}"
            f" ({at - half:+.4f} to {at + half:+.4f}), sd {stdev(differences):.4f}"
        )
        if name == "validation_accuracy":
            p = ttost_paired(torch.tensor(ours).numpy(), torch.tensor(theirs).numpy(), -MARGIN, MARGIN)[0]
            lines.append(f"equivalent within {MARGIN} points: p = {p:.2g}")
    return "\n".join(lines)


def main() -> None:
    """Train what is missing, as many at once as there are cores; then compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variant")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, help="train on the first so many images only")
    given = parser.parse_args()
    rows = [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []
    wanted = [(given.variant, arm, seed, given.epochs) for seed in range(given.seeds) for arm in ARMS]
    there = [row for row in rows if tuple(row["task"]) in wanted and row["images"] == given.images]
    missing = [task for task in wanted if list(task) not in [row["task"] for row in there]]
    with ProcessPoolExecutor(pool.workers()) as processes:
        for row in processes.map(partial(train, images=given.images), missing):
            there.append({**row, "task": list(row["task"])})
            with Path(KEPT).open("a") as file:
                file.write(json.dumps(row) + "\n")
    print(compared(there))


if __name__ == "__main__":
    main()
