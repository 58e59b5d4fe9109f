"""The study's claims with their verdicts, and the effects that most of them rest on."""

from collections.abc import Sequence

from mnist_study.claims import Claim
from mnist_study.designs import DESIGNS, Design
from mnist_study.effects import Effect, Fit
from mnist_study.page.markdown import table

Fits = dict[str, Fit]
NAMES = {"batch_size": "batch size"}


def claims_table(claims: Sequence[Claim]) -> str:
    """Give every claim with its verdict."""
    note = (
        "A verdict goes by our networks; the study's own figures, one run a row, stand beside them. Differences are in"
        " points of test accuracy, with 95 % intervals, from the models under [Effects](#effects). *Cannot be told from"
        " noise* is a p value above 0.05 after Holm's adjustment for all comparisons; for counts of rows and for the"
        " best row, an interval for all rows at once. By its own figures alone a claim stands where the p value there"
        " is below 0.05. Small networks are those of tables 5 and 6."
    )
    lines = [(claim.text, claim.published, claim.ours, f"**{claim.verdict}**") for claim in claims]
    return f"{note}\n\n{table(('claim', 'by the published figures', 'here', 'verdict'), lines)}"


def effects(published: Fits, ours: Fits) -> str:
    """Say which models were fitted to how many networks, and give their comparisons."""
    return "\n\n".join(_design(design, published[design.title], ours.get(design.title)) for design in DESIGNS)


def _design(design: Design, published: Fit, ours: Fit | None) -> str:
    factors = ", ".join(NAMES.get(factor, factor) for factor in design.factors)
    terms = f"{factors} and their interactions in pairs" if design.in_pairs else factors
    method = f"Test accuracy after the last epoch is explained by {terms}."
    if not design.in_pairs:
        method += " That these effects add up is assumed: the rows are no full crossing."
    method += f" Least squares, standard errors HC2. Published: {_size(published)}."
    method += f" Here: {_size(ours)}." if ours else f" {missing(design)}"
    header = ("change", "here", "95 % interval", "p", "published", "95 % interval", "p")
    lines = [
        (comparison.words, *_cells(ours.effects[name] if ours else None), *_cells(published.effects[name]))
        for name, comparison in design.comparisons.items()
    ]
    parts = [f"### {design.title}", method, table(header, lines)]
    if ours and ours.pairs:
        parts.append(_interactions(ours))
    return "\n\n".join(parts)


def missing(design: Design) -> str:
    """Say what a design would need."""
    return f"Not estimated here: that takes all {design.rows} rows of {design.title.lower()}."


def _size(fit: Fit) -> str:
    blocks = f" (their {fit.blocks} seeds as blocks)" if fit.blocks else ""
    size = f"{fit.runs} networks{blocks}, {fit.degrees} residual degrees of freedom"
    return f"{size}, residual deviation {fit.noise:.3f} points"


def _cells(effect: Effect | None) -> tuple[str, str, str]:
    if effect is None:
        return "", "", ""
    p = "< 0.001" if effect.p < 0.001 else f"{effect.p:.3f}"
    return f"{effect.difference:+.3f}", f"{effect.low:+.3f} to {effect.high:+.3f}", p


def _interactions(fit: Fit) -> str:
    told = [f"{NAMES.get(a, a)} and {NAMES.get(b, b)} (p {p:.3f})" for (a, b), p in fit.pairs.items() if p < 0.05]
    tests = f"Of the {len(fit.pairs)} interactions in pairs (F tests, adjusted by Holm's method)"
    if not told:
        return f"{tests} none can be told from noise: no effect above is seen to depend on another factor."
    return f"{tests} {len(told)} can be told from noise, so these effects depend on each other: {', '.join(told)}."
