"""Studies made up in memory: every published row trained here, with whatever accuracies a test wants."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mnist_study.configure.networks import Layer, Network
from mnist_study.report.results import metrics
from mnist_study.report.results.misses import Misses
from mnist_study.report.results.outcomes import Outcome, Results, Target
from mnist_study.report.results.reference import Published, read_published
from tests.support import ROOT
from tests.support.tiny import TINY

PUBLISHED = read_published(ROOT / "reference/published.csv")
TARGET = Target(accuracy=99.4, epochs=20, parameters=20_000)
NETWORK = Network(
    architecture="made_up",
    options={"dropout": 0.04},
    variants=("champion",),
    layers=(
        Layer("Conv2d 3x3", (8, 26, 26), 3, 80, 48672),
        Layer("Dropout 4 %", (8, 26, 26), 3, 0, 0),
        Layer("AdaptiveAvgPool2d", (8, 1, 1), 28, 0, 0),
        Layer("Flatten", (8,), 28, 0, 0),
        Layer("Linear", (10,), 28, 90, 80),
    ),
)

Accuracy = Callable[[Published, int], float]


def whole_study(accuracy: Accuracy, *, seeds: int = 3, only: list[str] | None = None, **own: list[float]) -> Results:
    """Give the study whose networks have `accuracy(row, seed)`, and variants of its own with these accuracies."""
    outcomes = {
        name: outcome(name, [accuracy(row, seed) for seed in range(seeds)], row)
        for name, row in PUBLISHED.items()
        if only is None or name in only
    }
    outcomes |= {name: outcome(name, accuracies, None) for name, accuracies in own.items()}
    return Results(TARGET, outcomes, PUBLISHED if only != [] else {}, [NETWORK])


def outcome(name: str, accuracies: list[float], row: Published | None) -> Outcome:
    fields = ("architecture", "scheduler", "augmentation", "batch_size")
    recipe = replace(TINY, variant=name, **{field: getattr(row, field) for field in fields} if row else {})
    history = [[value - 0.3, value - 0.1, value] for value in accuracies]
    training = {
        "replicas": [
            {
                "seed": seed,
                "history": [
                    {
                        "epoch": epoch,
                        "train_loss": 0.1,
                        "test_loss": 0.02,
                        "train_accuracy": a - 0.5,
                        "test_accuracy": a,
                    }
                    for epoch, a in enumerate(curve, start=1)
                ],
            }
            for seed, curve in enumerate(history)
        ]
    }
    confusion = (np.eye(10, dtype=int) * 1000).tolist()
    evaluation = {
        "parameters": row.parameters if row else 18_000,
        "replicas": [
            {"seed": seed, "test_accuracy": value, "test_loss": 0.02, "confusion": confusion}
            for seed, value in enumerate(accuracies)
        ],
    }
    return Outcome(recipe, training, evaluation, metrics.of_variant(training, evaluation, TARGET.accuracy), row)


def scattered(row: Published, seed: int) -> float:
    """A seed's luck, the same every time, of 0.04 points or so, about 99.3 %."""
    generator = np.random.default_rng([seed, *str(row).encode()])
    return round(99.3 + 0.04 * float(generator.standard_normal()), 2)


def some_misses() -> Misses:
    """Four networks on 30 digits: all miss digit 3, three digit 7, two digit 9."""
    labels, images = np.arange(30) % 10, np.zeros((30, 28, 28), np.uint8)
    counts, answers = np.zeros(30, int), (labels + 1) % 10
    counts[[3, 7, 9]] = 4, 3, 2
    return Misses(4, images, labels, counts, answers)
