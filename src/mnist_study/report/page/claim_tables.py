"""The study's claims with their verdicts, and the effects that most of them rest on."""

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from mnist_study.report.analysis.claims import Claim, Verdict, p_value, say
from mnist_study.report.analysis.designs import Design
from mnist_study.report.analysis.differences import Difference
from mnist_study.report.analysis.factorial import Fit, Interaction
from mnist_study.report.page.markdown import table

MANY = 1000  # seeds; nobody will train more


def counted_verdicts(claims: Sequence[Claim]) -> str:
    """Count the verdicts, such as `supported: 5; inconclusive: 2`."""
    counts = Counter(claim.verdict for claim in claims)
    return "; ".join(f"{words}: {counts[words]}" for words in get_args(Verdict) if counts[words])


def claims_table(claims: Sequence[Claim]) -> str:
    """List every claim with its verdict."""
    header = ("claim", "by the published figures", "here", "difference", "verdict", "seeds")
    lines = [
        (
            *(claim.text, claim.published, claim.ours, say(claim.effect) if claim.effect else ""),
            *(f"**{claim.verdict}**", _seeds(claim.seeds)),
        )
        for claim in claims
    ]
    return table(header, lines)


def effect_table(design: Design, ours: Fit | None, published: Fit) -> str:
    """Give a design's comparisons, here and by the published figures."""
    header = ("change", "here", "95 % interval", "published", "95 % interval")
    lines = [
        (comparison.words, *_cells(ours.effects[name] if ours else None), *_cells(published.effects[name]))
        for name, comparison in design.comparisons.items()
    ]
    return table(header, lines)


def size(fit: Fit) -> str:
    """Say how much a model rests on."""
    return f"{fit.runs} networks, {fit.df} residual degrees of freedom, residual deviation {fit.noise:.3f} points"


def interactions(fit: Fit) -> str:
    """List the significant interactions, each with its means."""
    significant = {factors: pair for factors, pair in fit.interactions.items() if pair.significant}
    tests = f"Of the {len(fit.interactions)} two-way interactions (F tests, adjusted by Holm's method)"
    if not significant:
        return f"{tests} none is significant: no effect above is found to depend on another factor."
    names = [f"{named(a)} and {named(b)} ({p_value(pair.p)})" for (a, b), pair in significant.items()]
    verb = "is" if len(significant) == 1 else "are"
    line = (
        f"{tests} {len(significant)} {verb} significant: {', '.join(names)}. An effect of these factors above is"
        " then an average over unequal ones; mean test accuracy by both factors:"
    )
    return "\n\n".join([line, *(_means(*factors, pair) for factors, pair in significant.items())])


def named(factor: str) -> str:
    """Give a factor's name in words."""
    return factor.replace("_", " ")


def _seeds(number: int | None) -> str:
    if number is None:
        return ""
    return f"{number:,}" if number <= MANY else f"over {MANY:,}"


def _cells(effect: Difference | None) -> tuple[str, str]:
    if effect is None:
        return "", ""
    return f"{effect.value:+z.3f}", f"{effect.low:+z.3f} to {effect.high:+z.3f}"


def _means(down: str, across: str, pair: Interaction) -> str:
    lines, columns = (list(dict.fromkeys(levels)) for levels in zip(*pair.means, strict=True))
    header = (f"{named(down)} \\ {named(across)}", *columns)
    return table(header, [(line, *(f"{pair.means[line, column]:.3f}" for column in columns)) for line in lines])
