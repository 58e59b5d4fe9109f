"""Which test a changed metric gets, and its verdict."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from mnist_study.report.analysis.differences import holm
from mnist_study.report.analysis.intervals import TEST_IMAGES, Noise, seed_noise
from mnist_study.tools.review import noise
from mnist_study.tools.review.comparison import Change
from mnist_study.tools.review.noise import Spread
from mnist_study.tools.review.predictions import right, share_seeds
from mnist_study.tools.review.revision import Revision

HIGHER_IS_BETTER = {
    "mean_test_accuracy": True,
    "test_accuracy": True,
    "validation_accuracy": True,
    "train_accuracy": True,
    "test_loss": False,
    "epochs_to_target": False,
}  # measured metrics; all others are counts or settings
MEAN = "study.mean_test_accuracy"
TESTS = {
    "McNemar": "McNemar's exact test on the test images that only one of the two networks gets right",
    "paired": "the larger p of a test of the gain on each test image and of Student's t test over the seeds",
    "Student": "Student's t test over the seeds",
    "others' seeds": "the same with the standard deviation between seeds of other variants, for one seed each",
    "binomial": "Agresti and Caffo's test, as if each accuracy had test images of its own",
}


class Judge:
    """Tests the changes from one revision to another.

    `labels` are those of the test images, None where they are missing; `rows` names the rows of the study.
    """

    def __init__(self, before: Revision, after: Revision, labels: np.ndarray | None, rows: Collection[str]) -> None:
        self.before, self.after, self.labels, self.rows = before, after, labels, rows
        self.unpaired: dict[str, str] = {}  # variants without predictions, and on which side

    def accuracy(self, change: Change) -> Change:
        """Test a variant's test accuracy: paired by image, or else by its seeds, or else as two proportions."""
        pair = self._right(change.variant)
        if pair:
            test = "McNemar" if len(pair[0]) == len(pair[1]) == 1 else "paired"
            return replace(change, test=test, p=noise.paired(*pair))
        one, other = (_spread(side.variants[change.variant]) for side in (self.before, self.after))
        p = noise.by_seeds(one, other)
        if p is not None:
            return replace(change, test="Student", p=p)
        images = TEST_IMAGES if self.labels is None else len(self.labels)
        return replace(change, test="binomial", p=noise.binomial(change.before, change.after, images))

    def other(self, change: Change) -> Change:
        """Test any other metric by its values for each seed, where those are known."""
        if change.key not in HIGHER_IS_BETTER or None in (change.before, change.after):
            return change
        one, other = (_values(side, change.variant, change.key) for side in (self.before, self.after))
        if not one or not other:
            return change
        single = len(one) == len(other) == 1
        others = self._pooled_noise(change.key) if single else None
        p = noise.by_seeds(Spread.of(one), Spread.of(other), others)
        return change if p is None else replace(change, test="others' seeds" if single else "Student", p=p)

    def headline(self, change: Change) -> Change:
        """Test the mean over the rows, if both sides have the same rows, and a champion's accuracy."""
        section, _, key = change.key.partition(".")
        if key == "test_accuracy" and None not in (change.before, change.after):
            return self.accuracy(replace(change, variant=section))
        if change.key != MEAN:
            return change
        rows = [name for name in self.rows if name in self.before.variants and name in self.after.variants]
        if any(side.summary.get("study", {}).get("variants") != len(rows) for side in (self.before, self.after)):
            return change
        changed = [name for name in rows if self.before.variants[name] != self.after.variants[name]]
        pairs = [self._right(name) for name in changed]
        if any(share_seeds(side, changed) for side in (self.before, self.after)):
            return change  # then the gains of rows are not independent
        gains = [noise.gain(*pair) for pair in pairs if pair]
        if not gains or len(gains) < len(changed) or len({bool(each.by_seed) for each in gains}) > 1:
            return change  # the noise of some rows is not known
        return replace(change, test="paired", p=noise.mean_gain(gains, len(rows)).p())

    def _right(self, variant: str) -> tuple[np.ndarray, np.ndarray] | None:
        if self.labels is None:
            return None
        one, other = (right(side, variant, self.labels) for side in (self.before, self.after))
        if one is None or other is None:
            self.unpaired[variant] = "before" if one is None else "after"
            return None
        return one, other

    def _pooled_noise(self, key: str) -> Noise | None:
        """Pool the noise of the variants with several seeds."""
        groups = ([seed[key] for seed in seeds if key in seed] for seeds in self._several)
        return seed_noise(groups)

    @cached_property
    def _several(self) -> list[list[dict[str, Any]]]:
        names = [name for name, values in self.after.variants.items() if values["seeds"] > 1]
        return [seeds for name in names if (seeds := self.after.seeds(name))]


def settle(changes: Sequence[Change]) -> list[Change]:
    """Adjust the p values of a table's tests together, and give each its verdict."""
    adjusted = iter(holm([change.p for change in changes if change.p is not None]))
    return [_settled(change, next(adjusted)) if change.p is not None else change for change in changes]


def _settled(change: Change, p: float) -> Change:
    higher = change.after > change.before
    better = higher == HIGHER_IS_BETTER[change.key.rpartition(".")[2]]
    return replace(change, p=p, verdict=noise.verdict(p, better))


def _spread(variant: dict[str, Any]) -> Spread:
    return Spread(variant["test_accuracy"], variant.get("test_accuracy_sd", 0.0), variant["seeds"])


def _values(side: Revision, variant: str, key: str) -> list[float]:
    """Give a metric of each seed; none where a seed lacks it or a file is missing."""
    seeds = side.seeds(variant) or []
    return [seed[key] for seed in seeds] if all(key in seed for seed in seeds) else []
