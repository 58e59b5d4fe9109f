"""The study's claims, judged by its own figures and by the networks trained here."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from mnist_study.report.analysis.designs import DESIGNS
from mnist_study.report.analysis.factorial import Effect, Fit
from mnist_study.report.analysis.intervals import Noise, pair_margin, seed_noise
from mnist_study.report.results.outcomes import Outcome, Results

Verdict = Literal["supported", "not supported", "contradicted", "inconclusive", "not tested"]

NAMED_BEST = "transition_fc-b64-step-affine_jitter"  # the row that the study's text calls its best
NAMED_ACCURACY = 99.57  # its test accuracy in percent, by the text
EARLY = 3  # epochs after which networks are compared for how fast they learn
# A claim, and the comparison that tests it.
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
    """A claim in words, the evidence in the published figures and in ours, and the verdict, which rests on ours."""

    text: str
    published: str
    ours: str
    verdict: Verdict


Noises = dict[str, Noise]


def judge(results: Results, published: dict[str, Fit], ours: dict[str, Fit], early: dict[str, Fit]) -> list[Claim]:
    """Judge every claim, or say that too few rows are trained for it. `early` is fitted after EARLY epochs."""
    noises = noise_by_scheduler(results)
    small = [name for name, row in results.published.items() if row.table in (5, 6)]
    linear = [name for name, row in results.published.items() if row.architecture != "transition"]
    goal = f"{results.target.accuracy:.2f} %"
    return [
        _reached(f"{goal} is reached", results, list(results.published), noises),
        _reached(f"{goal} is reached with a fully connected layer", results, linear, noises),
        _reached(f"{goal} is reached by 6,290 parameters", results, small, noises),
        _takes_small_batches(results, noises),
        _always(results, noises),
        _best(results, noises),
        _named_accuracy(results, noises),
        _compared(f"Batch size 64 learns faster: accuracy after {EARLY} epochs", "batch", None, early),
        *(_compared(text, name, published, ours) for text, name in COMPARED.items()),
    ]


def noise_by_scheduler(results: Results) -> Noises:
    """Give the noise of each scheduler with several seeds in a row; it differs between schedulers."""
    groups: dict[str, list[list[float]]] = {}
    for outcome in results.rows().values():
        groups.setdefault(outcome.recipe.scheduler, []).append(outcome.accuracies)
    return {scheduler: noise for scheduler, found in groups.items() if (noise := seed_noise(found))}


def _reached(text: str, results: Results, names: Collection[str], noises: Noises) -> Claim:
    rows, goal = _ours(results, names), results.target.accuracy
    claim = (text, f"{_at_goal(results, names)} of {len(names)} rows")
    if not _known(rows, noises):
        return Claim(*claim, _untested(rows), "not tested")
    sure = sum(low >= goal for low, _ in _bounds(rows, noises))
    hopeless = all(high < goal for _, high in _bounds(rows, noises))
    verdict: Verdict = "supported" if sure else "not supported" if hopeless else "inconclusive"
    return Claim(*claim, f"{_count_at(rows, goal)} of {len(rows)} rows, {sure} of them significantly", verdict)


def _takes_small_batches(results: Results, noises: Noises) -> Claim:
    """Judge whether rows of batch size 128 reach the goal, too."""
    large = [name for name, row in results.published.items() if row.batch_size == 128]
    rows, goal = _ours(results, large), results.target.accuracy
    claim = (f"{goal:.2f} % takes batch size 64", f"{_at_goal(results, large)} of {len(large)} rows of 128 reach it")
    if not _known(rows, noises):
        return Claim(*claim, _untested(rows), "not tested")
    sure = sum(low >= goal for low, _ in _bounds(rows, noises))
    hopeless = len(rows) == len(large) and all(high < goal for _, high in _bounds(rows, noises))
    verdict: Verdict = "contradicted" if sure else "supported" if hopeless else "inconclusive"
    return Claim(*claim, f"{_count_at(rows, goal)} of {len(rows)} rows of 128, {sure} of them significantly", verdict)


def _always(results: Results, noises: Noises) -> Claim:
    names = [name for name, row in results.published.items() if row.helped]
    rows, goal = _ours(results, names), results.target.accuracy
    text = f"With augmentation or a scheduler {goal:.2f} % is reached every time"
    claim = (text, f"{_at_goal(results, names)} of {len(names)} such rows")
    if not _known(rows, noises):
        return Claim(*claim, _untested(rows), "not tested")
    below = sum(high < goal for _, high in _bounds(rows, noises))
    sure = len(rows) == len(names) and all(low >= goal for low, _ in _bounds(rows, noises))
    verdict: Verdict = "not supported" if below else "supported" if sure else "inconclusive"
    return Claim(*claim, f"{_count_at(rows, goal)} of {len(rows)} such rows; {below} significantly below it", verdict)


def _best(results: Results, noises: Noises) -> Claim:
    """Compare the row that the study calls best with our best row, as two picked from all rows."""
    rows, theirs = results.rows(), results.published
    top = max(theirs, key=lambda name: theirs[name].test_accuracy)
    text = "Best: `transition_fc`, StepLR, augmentation, batch size 64"
    claim = (text, f"{theirs[NAMED_BEST].test_accuracy:.2f}; best row `{top}`, {theirs[top].test_accuracy:.2f}")
    if NAMED_BEST not in rows or len(rows) < 2 or not _known(rows.values(), noises):
        return Claim(*claim, _untested(rows if NAMED_BEST in rows else ()), "not tested")
    means = {name: outcome.metrics["test_accuracy"] for name, outcome in rows.items()}
    seeds = {name: outcome.metrics["seeds"] for name, outcome in rows.items()}
    best = max(means, key=lambda name: means[name])
    noise = {name: noises[outcome.recipe.scheduler] for name, outcome in rows.items()}
    near = [
        name
        for name in rows
        if name != best
        and means[best] - means[name] <= pair_margin(len(rows), noise[best], seeds[best], noise[name], seeds[name])
    ]
    rank = 1 + sum(mean > means[NAMED_BEST] for mean in means.values())
    ours = f"{means[NAMED_BEST]:.3f}, place {rank} of {len(rows)}; best row `{best}`, {means[best]:.3f};"
    ours += f" {len(near)} others are not significantly lower"
    if best == NAMED_BEST:
        return Claim(*claim, ours, "inconclusive" if near else "supported")
    return Claim(*claim, ours, "inconclusive" if NAMED_BEST in near else "not supported")


def _named_accuracy(results: Results, noises: Noises) -> Claim:
    row = results.rows().get(NAMED_BEST)
    claim = (f"That network has {NAMED_ACCURACY} %", f"{results.published[NAMED_BEST].test_accuracy:.2f} in its table")
    if row is None or not _known([row], noises):
        return Claim(*claim, _untested([row] if row else ()), "not tested")
    ((low, high),) = _bounds([row], noises)
    ours = f"{row.metrics['test_accuracy']:.3f} ({low:.3f} to {high:.3f} for other seeds)"
    if low > NAMED_ACCURACY or high < NAMED_ACCURACY:
        return Claim(*claim, ours, "supported" if low > NAMED_ACCURACY else "not supported")
    return Claim(*claim, ours, "inconclusive")


def _compared(text: str, name: str, published: dict[str, Fit] | None, ours: dict[str, Fit]) -> Claim:
    """Judge by an effect; `published` is None where the study gives no figures for it."""
    theirs = _say(_find(published, name)) if published is not None else "no figures"
    effect = _find(ours, name)
    if effect is None:
        return Claim(text, theirs, _say(effect), "not tested")
    verdict: Verdict = "supported" if effect.difference > 0 else "contradicted"
    depends = _depends(ours, name)
    said = _say(effect) + (f"; depends on {' and '.join(depends)}" if depends else "")
    return Claim(text, theirs, said, verdict if effect.significant else "inconclusive")


def _find(fits: dict[str, Fit], name: str) -> Effect | None:
    return next((fit.effects[name] for fit in fits.values() if name in fit.effects), None)


def _depends(fits: dict[str, Fit], name: str) -> list[str]:
    """Name the factors that interact significantly with an effect's."""
    design = next(design for design in DESIGNS if name in design.comparisons)
    return [factor.replace("_", " ") for factor in fits[design.title].depends_on(design.comparisons[name].factor)]


def _say(effect: Effect | None) -> str:
    if effect is None:
        return "not all rows are trained"
    p = "p < 0.001" if effect.p < 0.001 else f"p {effect.p:.3f}"
    return f"{effect.difference:+.3f} ({effect.low:+.3f} to {effect.high:+.3f}; {p})"


def _ours(results: Results, names: Collection[str]) -> list[Outcome]:
    return [outcome for name, outcome in results.rows().items() if name in names]


def _known(rows: Collection[Outcome], noises: Noises) -> bool:
    """Tell whether there are rows, and the noise of each is known."""
    return bool(rows) and all(outcome.recipe.scheduler in noises for outcome in rows)


def _untested(rows: Collection[object]) -> str:
    return "not all rows are trained" if not rows else "one seed each, so the noise is not known"


def _at_goal(results: Results, names: Collection[str]) -> int:
    return sum(results.published[name].test_accuracy >= results.target.accuracy for name in names)


def _count_at(rows: Collection[Outcome], goal: float) -> int:
    return sum(outcome.metrics["test_accuracy"] >= goal for outcome in rows)


def _bounds(rows: Collection[Outcome], noises: Noises) -> list[tuple[float, float]]:
    """Give simultaneous intervals for the means of these rows."""
    found = []
    for outcome in rows:
        noise, mean = noises[outcome.recipe.scheduler], outcome.metrics["test_accuracy"]
        margin = noise.mean_margin(outcome.metrics["seeds"], len(rows))
        found.append((mean - margin, mean + margin))
    return found
