"""The study's claims, judged by its own figures and by the networks trained here."""

from dataclasses import dataclass, replace
from typing import Literal

from mnist_study.report.analysis import row_claims
from mnist_study.report.analysis.designs import DESIGNS
from mnist_study.report.analysis.differences import Difference, holm, seeds_to_settle
from mnist_study.report.analysis.factorial import Fit
from mnist_study.report.analysis.intervals import LEVEL
from mnist_study.report.analysis.row_claims import Evidence, Rows
from mnist_study.report.results.outcomes import Results

Verdict = Literal["supported", "contradicted", "inconclusive", "not tested"]

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
    """A claim in words, the evidence in the published figures and in ours, and the verdict, which rests on ours.

    `effect` is the difference that decides, above 0 where it speaks for the claim, with its p value adjusted for all
    claims. `seeds` is how many a row would most likely settle an inconclusive one.
    """

    text: str
    published: str
    ours: str
    effect: Difference | None = None
    verdict: Verdict = "not tested"
    seeds: int | None = None


def judge(results: Results, published: dict[str, Fit], ours: dict[str, Fit], early: dict[str, Fit]) -> list[Claim]:
    """Judge every claim, or say what is missing; none where no variant is a row. `early` is fitted after EARLY."""
    if not results.published:
        return []
    evidence = [
        *row_claims.of(Rows(results)),
        _compared(f"Batch size 64 learns faster: accuracy after {EARLY} epochs", "batch", {}, early),
        *(_compared(text, name, adjusted(published), ours) for text, name in COMPARED.items()),
    ]
    tested = [each.effect.p for each in evidence if each.effect]
    p_values = iter(holm(tested))
    return [
        _judged(each, replace(each.effect, p=next(p_values)), len(tested))
        if each.effect
        else Claim(each.text, each.published, each.ours)
        for each in evidence
    ]


def adjusted(fits: dict[str, Fit]) -> dict[str, Fit]:
    """Adjust the p values of all comparisons together."""
    p_values = iter(holm([effect.p for fit in fits.values() for effect in fit.effects.values()]))
    return {
        title: replace(fit, effects={name: replace(effect, p=next(p_values)) for name, effect in fit.effects.items()})
        for title, fit in fits.items()
    }


def say(effect: Difference | None) -> str:
    """Write a difference with its interval and p value."""
    if effect is None:
        return "no figures"
    return f"{effect.value:+z.3f} ({effect.low:+z.3f} to {effect.high:+z.3f}; {p_value(effect.p)})"


def p_value(p: float) -> str:
    """Write a p value."""
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def _judged(evidence: Evidence, effect: Difference, tests: int) -> Claim:
    verdict: Verdict = "inconclusive"
    if effect.p < 1 - LEVEL:
        verdict = "supported" if effect.value > 0 else "contradicted"
    needed = None
    if verdict == "inconclusive" and evidence.seeds is not None:
        needed = seeds_to_settle(effect, evidence.seeds, tests)
    return Claim(evidence.text, evidence.published, evidence.ours, effect, verdict, needed)


def _compared(text: str, name: str, published: dict[str, Fit], ours: dict[str, Fit]) -> Evidence:
    """Give the evidence of an effect."""
    theirs, effect = say(_find(published, name)), _find(ours, name)
    if effect is None:
        return Evidence(text, theirs, row_claims.INCOMPLETE)
    design = next(design for design in DESIGNS if name in design.comparisons)
    fit = ours[design.title]
    depends = [factor.replace("_", " ") for factor in fit.depends_on(design.comparisons[name].factor)]
    words = f"depends on {' and '.join(depends)}" if depends else ""
    if fit.lack_of_fit is not None and fit.lack_of_fit < 1 - LEVEL:
        words = "a mean over these rows; effects do not add up"
    return Evidence(text, theirs, words, effect, fit.runs // design.rows)


def _find(fits: dict[str, Fit], name: str) -> Difference | None:
    return next((fit.effects[name] for fit in fits.values() if name in fit.effects), None)
