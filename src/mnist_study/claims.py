"""What the study says of its results, judged by its own figures and by ours."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from mnist_study.effects import Effect, Fit
from mnist_study.outcomes import Outcome, Study
from mnist_study.statistics import Noise, seed_noise

Verdict = Literal["supported", "not supported", "cannot be told from noise", "not tested"]

NAMED_BEST = "transition_fc-b64-step-affine_jitter"  # the recipe that the study's text calls its best
# What the study says, and the comparison that it comes to.
COMPARED = {
    "Batch size 64 beats 128": "batch",
    "Augmentation helps: rotation, affine and jitter": "augmentation",
    "Augmentation helps: rotation alone": "rotation",
    "StepLR helps": "step",
    "StepLR helps, small networks": "reduced step",
    "ReduceLROnPlateau helps": "plateau",
    "ReduceLROnPlateau helps, small networks": "reduced plateau",
    "Dropout for the first batch norm helps": "first dropout",
    "Dropout after each block helps": "dropout",
    "The last batch norm and 1x1 convolution help": "transition",
    "The fully connected layer helps": "linear",
    "One pool, with an average over 6x6, beats two": "pooling",
}


@dataclass(frozen=True)
class Claim:
    """What the study says, what its own figures and ours say to that, and the verdict, which goes by ours."""

    text: str
    published: str
    ours: str
    verdict: Verdict


def judge(study: Study, published: dict[str, Fit], ours: dict[str, Fit]) -> list[Claim]:
    """Judge every claim; what too few rows are trained for is not tested."""
    noise = seed_noise(outcome.accuracies for outcome in study.rows().values())
    small = [name for name, row in study.published.items() if row.table in (5, 6)]
    goal = f"{study.target.accuracy:.2f} %"
    return [
        _reached(f"{goal} is reached", study, list(study.published), noise),
        _reached(f"{goal} is reached by 6,290 parameters", study, small, noise),
        _always(study, noise),
        _best(study, noise),
        *(_compared(text, _find(published, name), _find(ours, name)) for text, name in COMPARED.items()),
    ]


def _reached(text: str, study: Study, names: Collection[str], noise: Noise | None) -> Claim:
    rows, goal = _ours(study, names), study.target.accuracy
    claim = (text, f"{_at_goal(study, names)} of {len(names)} rows")
    if not rows or noise is None:
        return Claim(*claim, _untested(rows), "not tested")
    sure = sum(low >= goal for low, _ in _bounds(rows, noise))
    hopeless = all(high < goal for _, high in _bounds(rows, noise))
    verdict: Verdict = "supported" if sure else "not supported" if hopeless else "cannot be told from noise"
    return Claim(*claim, f"{_count_at(rows, goal)} of {len(rows)} rows, {sure} of them beyond noise", verdict)


def _always(study: Study, noise: Noise | None) -> Claim:
    names = [name for name, row in study.published.items() if row.helped]
    rows, goal = _ours(study, names), study.target.accuracy
    text = f"With augmentation or a scheduler {goal:.2f} % is reached every time"
    claim = (text, f"{_at_goal(study, names)} of {len(names)} such rows")
    if not rows or noise is None:
        return Claim(*claim, _untested(rows), "not tested")
    below = sum(high < goal for _, high in _bounds(rows, noise))
    sure = len(rows) == len(names) and all(low >= goal for low, _ in _bounds(rows, noise))
    verdict: Verdict = "not supported" if below else "supported" if sure else "cannot be told from noise"
    return Claim(*claim, f"{_count_at(rows, goal)} of {len(rows)} such rows; {below} miss it beyond noise", verdict)


def _best(study: Study, noise: Noise | None) -> Claim:
    """Compare the recipe that the study calls best with our best row, as two picked from all rows."""
    rows, theirs = study.rows(), study.published
    top = max(theirs, key=lambda name: theirs[name].test_accuracy)
    text = "Best: `transition_fc`, StepLR, augmentation, batch size 64"
    claim = (text, f"{theirs[NAMED_BEST].test_accuracy:.2f}; best row `{top}`, {theirs[top].test_accuracy:.2f}")
    if NAMED_BEST not in rows or len(rows) < 2 or noise is None:
        return Claim(*claim, _untested(rows if NAMED_BEST in rows else ()), "not tested")
    means = {name: outcome.metrics["test_accuracy"] for name, outcome in rows.items()}
    seeds = {name: outcome.metrics["seeds"] for name, outcome in rows.items()}
    best = max(means, key=lambda name: means[name])
    near = [
        name
        for name in rows
        if means[best] - means[name] <= noise.best_margin(len(rows), seeds[best], seeds[name]) and name != best
    ]
    rank = 1 + sum(mean > means[NAMED_BEST] for mean in means.values())
    ours = f"{means[NAMED_BEST]:.3f}, place {rank} of {len(rows)}; best row `{best}`, {means[best]:.3f};"
    ours += f" {len(near)} others cannot be told from that"
    if best == NAMED_BEST:
        return Claim(*claim, ours, "cannot be told from noise" if near else "supported")
    return Claim(*claim, ours, "cannot be told from noise" if NAMED_BEST in near else "not supported")


def _compared(text: str, theirs: Effect | None, ours: Effect | None) -> Claim:
    if ours is None:
        return Claim(text, _say(theirs), _say(ours), "not tested")
    verdict: Verdict = "supported" if ours.difference > 0 else "not supported"
    return Claim(text, _say(theirs), _say(ours), verdict if ours.told else "cannot be told from noise")


def _find(fits: dict[str, Fit], name: str) -> Effect | None:
    return next((fit.effects[name] for fit in fits.values() if name in fit.effects), None)


def _say(effect: Effect | None) -> str:
    if effect is None:
        return "not all rows are trained"
    p = "p < 0.001" if effect.p < 0.001 else f"p {effect.p:.3f}"
    return f"{effect.difference:+.3f} ({effect.low:+.3f} to {effect.high:+.3f}; {p})"


def _ours(study: Study, names: Collection[str]) -> list[Outcome]:
    return [outcome for name, outcome in study.rows().items() if name in names]


def _untested(rows: Collection[object]) -> str:
    return "not all rows are trained" if not rows else "one seed each, so the noise is not known"


def _at_goal(study: Study, names: Collection[str]) -> int:
    return sum(study.published[name].test_accuracy >= study.target.accuracy for name in names)


def _count_at(rows: Collection[Outcome], goal: float) -> int:
    return sum(outcome.metrics["test_accuracy"] >= goal for outcome in rows)


def _bounds(rows: Collection[Outcome], noise: Noise) -> list[tuple[float, float]]:
    """Give the ends of intervals for all these means at once."""
    found = []
    for outcome in rows:
        mean, margin = outcome.metrics["test_accuracy"], noise.mean_margin(outcome.metrics["seeds"], len(rows))
        found.append((mean - margin, mean + margin))
    return found
