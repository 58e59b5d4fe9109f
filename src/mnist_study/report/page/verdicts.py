"""The study's claims with their verdicts, and the effects that most of them rest on."""

from collections.abc import Sequence

from mnist_study.report.analysis.claims import Claim
from mnist_study.report.analysis.designs import DESIGNS, Design
from mnist_study.report.analysis.factorial import Effect, Fit, Pair
from mnist_study.report.analysis.intervals import LEVEL
from mnist_study.report.page.markdown import table

Fits = dict[str, Fit]
NAMES = {"batch_size": "batch size"}


def claims_table(claims: Sequence[Claim]) -> str:
    """Give every claim with its verdict."""
    note = (
        "A verdict goes by our networks; the study's own figures, one run a row, stand beside them. Differences are in"
        " points of test accuracy, with 95 % intervals, from the models under [Effects](#effects). *Cannot be told from"
        " noise* is a p value above 0.05 after Holm's adjustment for all comparisons, *contradicted* one below it with"
        " the difference turned round; for counts of rows and for the best row, an interval for all rows at once, from"
        " how far seeds differ with the row's scheduler. By its own figures alone a claim stands where the p value"
        " there is below 0.05. Small networks are those of tables 5 and 6."
    )
    lines = [(claim.text, claim.published, claim.ours, f"**{claim.verdict}**") for claim in claims]
    return f"{note}\n\n{table(('claim', 'by the published figures', 'here', 'verdict'), lines)}"


def effects(published: Fits, ours: Fits) -> str:
    """Say which models were fitted to how many networks, and give their comparisons."""
    return "\n\n".join(_design(design, published[design.title], ours.get(design.title)) for design in DESIGNS)


def _design(design: Design, published: Fit, ours: Fit | None) -> str:
    factors = ", ".join(named(factor) for factor in design.factors)
    terms = f"{factors} and their interactions in pairs" if design.in_pairs else factors
    method = f"Test accuracy after the last epoch is explained by {terms}."
    if not design.in_pairs:
        method += (
            " That these effects add up is assumed: the rows are no full crossing. Plain rows and those at a constant"
            " rate are of `two_pool` alone, and plain rows all have a constant rate."
        )
    method += " Least squares, standard errors HC2 with the degrees of freedom of Bell and McCaffrey."
    method += f" Published: {_size(published)}."
    method += f" Here: {_size(ours)}." if ours else f" {missing(design)}"
    header = ("change", "here", "95 % interval", "p", "published", "95 % interval", "p")
    lines = [
        (comparison.words, *_cells(ours.effects[name] if ours else None), *_cells(published.effects[name]))
        for name, comparison in design.comparisons.items()
    ]
    parts = [f"### {design.title}", method, table(header, lines)]
    if ours:
        parts += [*_interactions(ours), *_assumptions(ours)]
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
    return f"{effect.difference:+.3f}", f"{effect.low:+.3f} to {effect.high:+.3f}", p_value(effect.p)


def _interactions(fit: Fit) -> list[str]:
    """Say which effects depend on another factor, and give the means of those that do."""
    if not fit.pairs:
        return []
    told = {factors: pair for factors, pair in fit.pairs.items() if pair.significant}
    tests = f"Of the {len(fit.pairs)} interactions in pairs (F tests, adjusted by Holm's method)"
    if not told:
        return [f"{tests} none can be told from noise: no effect above is seen to depend on another factor."]
    names = [f"{named(a)} and {named(b)} (p {p_value(pair.p)})" for (a, b), pair in told.items()]
    line = (
        f"{tests} {len(told)} can be told from noise, so these effects depend on each other: {', '.join(names)}. An"
        " effect above is then a mean over unlike cases; test accuracy by both factors:"
    )
    return [line, *(_means(*factors, pair) for factors, pair in told.items())]


def _means(down: str, across: str, pair: Pair) -> str:
    lines, columns = (list(dict.fromkeys(levels)) for levels in zip(*pair.means, strict=True))
    header = (f"{named(down)} \\ {named(across)}", *columns)
    return table(header, [(line, *(f"{pair.means[line, column]:.3f}" for column in columns)) for line in lines])


def _assumptions(fit: Fit) -> list[str]:
    """Say what the data tell of what the model takes for granted."""
    lines = []
    if fit.by_seed is not None:
        told = fit.by_seed < 1 - LEVEL
        lines.append(
            "Networks of one architecture and seed begin with the same weights, and all of one seed see the images in"
            f" the same order. That effects depend on the seed {'is told from noise' if told else 'is not seen'} (F"
            f" test, p {p_value(fit.by_seed)})"
            + (", so the intervals are rather too narrow." if told else ", so they are taken for independent runs.")
        )
    if fit.lack is not None:
        told = fit.lack < 1 - LEVEL
        lines.append(
            f"That the effects do not add up is {'told from noise' if told else 'not seen'} (F test of the rows' own"
            f" means, p {p_value(fit.lack)})" + (": the comparisons above hold for these rows only." if told else ".")
        )
    return lines


def named(factor: str) -> str:
    """Give a factor's name in words."""
    return NAMES.get(factor, factor)


def p_value(p: float) -> str:
    """Write a p value."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
