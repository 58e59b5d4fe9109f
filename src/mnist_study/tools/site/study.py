"""The study's results as plain data, for the site's pages and scripts; read and judged by the report's functions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_study.core.errors import UserError
from mnist_study.report.analysis import claims, effects
from mnist_study.report.analysis.claims import Claim
from mnist_study.report.analysis.designs import DESIGNS
from mnist_study.report.analysis.differences import Difference
from mnist_study.report.analysis.factorial import Fit
from mnist_study.report.analysis.intervals import Noise
from mnist_study.report.analysis.rows import against_published, noises, own_interval, verdict
from mnist_study.report.results import metrics, misses, outcomes, whole
from mnist_study.report.results.misses import Misses
from mnist_study.report.results.outcomes import Outcome, Results

PREDICTIONS, MNIST = Path("results/predictions"), Path("data/mnist")


@dataclass(frozen=True)
class Study:
    """The results, the verdicts, and the effects by design's title: here and by the published figures."""

    results: Results
    claims: Sequence[Claim]
    ours: dict[str, Fit]
    published: dict[str, Fit]


def read() -> Study:
    """Read the checkout in which this runs; raises UserError where metrics/ is not what its results give."""
    results, _ = whole.read(
        outcomes.read_plan(Path("build/plan.json")),
        outcomes.read_images(Path("build/images.json")),
        build=Path("build"),
        results=Path("results"),
        reference=Path("reference"),
        mnist=MNIST,
    )
    _refuse_other_metrics(results)
    published, ours = effects.of_published(results.published), effects.of_results(results)
    judged = claims.judge(results, published, ours, effects.of_epoch(results, claims.EARLY))
    return Study(results, judged, ours, published)


def misses_of(name: str, results: Results) -> Misses:
    """Tell which test images one variant's networks miss."""
    return misses.read({name: results.confusions()[name]}, PREDICTIONS, MNIST, results.images.side)


def as_data(study: Study) -> dict[str, Any]:
    """Give what the scripts draw: accuracies in percent, differences in points, each with its interval."""
    results, noise = study.results, noises(study.results)
    return {
        "target": {"accuracy": results.target.accuracy, "parameters": results.target.parameters},
        "classes": list(results.images.classes),
        "side": results.images.side,
        "champions": list(results.champions),
        "variants": {name: _variant(outcome, noise.get(name)) for name, outcome in results.outcomes.items()},
        "effects": _effects(study),
    }


def _variant(outcome: Outcome, noise: Noise | None) -> dict[str, Any]:
    recipe, ours, row = outcome.recipe, outcome.metrics, outcome.published
    fields = {
        "network": recipe.architecture,
        "dropout": row.dropout if row else None,
        "scheduler": recipe.scheduler,
        "augmentation": recipe.augmentation,
        "batch": recipe.batch_size,
        "engine": outcome.training.get("engine", recipe.engine),
        "seeds": list(recipe.seeds),
        "parameters": ours["parameters"],
        "accuracy": ours["test_accuracy"],
        "sd": ours.get("test_accuracy_sd"),
        "interval": _rounded(own_interval(outcome)),
        "curve": metrics.curve(outcome.training),
    }
    if row is None:
        return fields
    ends = against_published(outcome, noise)
    return fields | {
        "table": row.table,
        "published": row.test_accuracy,
        "difference": round(ours["test_accuracy"] - row.test_accuracy, 3),
        "difference_interval": _rounded(ends),
        "verdict": verdict(ends),
    }


def _effects(study: Study) -> list[dict[str, Any]]:
    """List the comparisons of each design that could be fitted."""
    return [
        {
            "title": design.title,
            "changes": [
                {
                    "words": comparison.words,
                    "here": _difference(study.ours[design.title].effects[name]),
                    "published": _difference(study.published[design.title].effects[name]),
                }
                for name, comparison in design.comparisons.items()
            ],
        }
        for design in DESIGNS
        if design.title in study.ours and design.title in study.published
    ]


def _difference(found: Difference) -> list[float]:
    return [round(each, 4) for each in (found.value, found.low, found.high)]


def _rounded(ends: tuple[float, float]) -> list[float]:
    return [round(end, 4) for end in ends]


def _refuse_other_metrics(results: Results) -> None:
    path = Path("metrics/variants.json")
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        kept = None
    if kept != json.loads(metrics.to_json(results.variants())):
        raise UserError(f"{path}: not what results/ gives; `dvc repro` writes it")
