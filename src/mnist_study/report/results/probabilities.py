"""The probabilities that `evaluate` kept of each network, and the metrics that come of them."""

import inspect
import io
import math
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np

from mnist_study.core.errors import UserError
from mnist_study.report import probability_metrics
from mnist_study.report.results.outcomes import Outcome, Results

UNITS = 65_536  # what the probabilities of an image add up to in the file
METRICS = {
    name: function
    for name, function in inspect.getmembers(probability_metrics, inspect.isfunction)
    if function.__module__ == probability_metrics.__name__ and not name.startswith("_")
}


def measured(results: Results, labels: np.ndarray, predictions: Path) -> Results:
    """Add each of METRICS to the variants whose `<name>.npz` holds probabilities; the others stay as they are.

    Raises UserError naming a damaged file, or a function that gives no finite number or has the name of another metric.
    """
    outcomes = {
        name: replace(outcome, metrics=outcome.metrics | _metrics(name, outcome, labels, predictions / f"{name}.npz"))
        for name, outcome in results.outcomes.items()
    }
    return replace(results, outcomes=outcomes)


def _metrics(variant: str, outcome: Outcome, labels: np.ndarray, path: Path) -> dict[str, float]:
    """Give the means over the seeds, with five significant digits; nothing where no probabilities were kept."""
    probabilities = read(path, classes=len(outcome.evaluation["replicas"][0]["confusion"]))
    if probabilities is None:
        return {}
    means = {}
    for name, function in METRICS.items():
        where = f"{probability_metrics.__name__}.{name}"
        if name in outcome.metrics:
            raise UserError(f"{where}: there is a metric of that name; choose another")
        mean = fmean(function(labels, each) for each in probabilities)
        if not math.isfinite(mean):
            raise UserError(f"{where}: {mean} for {variant}; a metric must be a finite number")
        means[name] = float(f"{mean:.5g}")
    return means


def read(path: Path, classes: int) -> np.ndarray | None:
    """Read probabilities float64 [S, N, classes], as `evaluate` packed them; None where it kept none.

    Raises UserError naming the file where it is damaged or contradicts itself.
    """
    content = path.read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            if "shares" not in file:
                return None
            return _unpacked(file["predicted"], file["others"], file["classes"], file["shares"], classes)
    except Exception:  # numpy and zipfile raise many kinds for a damaged file
        raise UserError(f"{path}: its probabilities are damaged; delete it and run `dvc repro`") from None


def _unpacked(
    predicted: np.ndarray, others: np.ndarray, named: np.ndarray, shares: np.ndarray, classes: int
) -> np.ndarray:
    """Undo `evaluate.compact`; raises IndexError or ValueError where the arrays do not fit together."""
    images = np.arange(predicted.size)
    units = np.zeros((predicted.size, classes))
    units[np.repeat(images, others.ravel()), named] = shares
    units[images, predicted.ravel()] = UNITS - units.sum(1)
    if units.min() < 0:
        raise ValueError("an image has more than 65,536")
    return units.reshape(*predicted.shape, classes) / UNITS
