"""The run in numbers: the two files that `dvc metrics` shows, a contract with whoever reads them.

Accuracies are in percent with three decimals, losses in nats with four. Every comparison is made with the rounded
figures, so that the second file follows from the first.
"""

import json
from collections.abc import Iterable
from statistics import fmean, stdev
from typing import Any

SCHEMA_VERSION = 1

Metrics = dict[str, Any]


def of_variant(training: Metrics, evaluation: Metrics, target: float) -> Metrics:
    """Summarise one variant from the contents of its training and evaluation files.

    `test_accuracy` is that of the weights after the last epoch, mean over seeds; the best epoch stands beside it,
    chosen on the test images and named so. `target` is a test accuracy.
    """
    replicas, mean_curve = evaluation["replicas"], curve(training)
    accuracies = [replica["test_accuracy"] for replica in replicas]
    last_rows = [replica["history"][-1] for replica in training["replicas"]]
    reached = (epoch for epoch, accuracy in enumerate(mean_curve, start=1) if accuracy >= target)
    optional = {
        "test_accuracy_sd": round(stdev(accuracies), 3) if len(accuracies) > 1 else None,
        "epochs_to_target": next(reached, None),
    }
    if all("validation_accuracy" in replica for replica in replicas):
        optional["validation_accuracy"] = _accuracy(replica["validation_accuracy"] for replica in replicas)
    return {
        "test_accuracy": _accuracy(accuracies),
        "test_loss": round(fmean(replica["test_loss"] for replica in replicas), 4),
        "train_accuracy": _accuracy(row["train_accuracy"] for row in last_rows),
        "best_epoch_test_accuracy": max(mean_curve),
        "parameters": evaluation["parameters"],
        "epochs": len(mean_curve),
        "seeds": len(replicas),
    } | {name: value for name, value in optional.items() if value is not None}


def curve(training: Metrics) -> list[float]:
    """Give the test accuracy after each epoch, mean over seeds."""
    epochs = zip(*(replica["history"] for replica in training["replicas"]), strict=True)
    return [_accuracy(row["test_accuracy"] for row in rows) for rows in epochs]


def summary(
    variants: dict[str, Metrics], published: dict[str, float], target: float, champions: Iterable[str] = ()
) -> Metrics:
    """Summarise this run: the variants, in their order, that are rows of the study, and the champions.

    `published` holds test accuracies by row. Without rows the counts are 0, and the means and the best row are left
    out.
    """
    ours = {name: variant["test_accuracy"] for name, variant in variants.items() if name in published}
    theirs = {name: published[name] for name in ours}
    study: Metrics = {
        "variants": len(ours),
        "replicas": sum(variants[name]["seeds"] for name in ours),
        "variants_at_target": sum(accuracy >= target for accuracy in ours.values()),
        "published_variants_at_target": sum(accuracy >= target for accuracy in theirs.values()),
        "variants_at_or_above_published": sum(ours[name] >= theirs[name] for name in ours),
    }
    if ours:
        best = max(ours, key=lambda name: ours[name])
        study |= {
            "mean_test_accuracy": _accuracy(ours.values()),
            "published_mean_test_accuracy": _accuracy(theirs.values()),
            "best_variant": best,
            "best_test_accuracy": ours[best],
        }
    whole: Metrics = {"schema_version": SCHEMA_VERSION, "study": study}
    kept = ("test_accuracy", "parameters", "seeds")
    return whole | {name: {"variant": name} | {key: variants[name][key] for key in kept} for name in champions}


def to_json(metrics: Metrics) -> str:
    """Give a file's text: sorted keys, so that equal metrics are equal bytes."""
    return json.dumps(metrics, indent=2, sort_keys=True) + "\n"


def _accuracy(values: Iterable[float]) -> float:
    return round(fmean(values), 3)
