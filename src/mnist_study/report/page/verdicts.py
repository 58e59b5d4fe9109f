"""The study's claims with their verdicts, and the effects that most of them rest on."""

from collections.abc import Sequence

from mnist_study.report.analysis.claims import Claim
from mnist_study.report.analysis.designs import DESIGNS, Design
from mnist_study.report.analysis.factorial import Effect, Fit, Interaction
from mnist_study.report.analysis.intervals import LEVEL
from mnist_study.report.page.markdown import table

Fits = dict[str, Fit]
NAMES = {"batch_size": "batch size"}


def claims_table(claims: Sequence[Claim]) -> str:
    """Give every claim with its verdict; empty without claims."""
    if not claims:
        return ""
    note = (
        "A verdict rests on the networks trained here; the study's own figures, one run per row, stand beside them."
        " Differences are in points of test accuracy, with 95 % intervals, from the models under [Effects](#effects)."
        " *Supported* and *contradicted* are significant differences, *contradicted* with the opposite sign: p below"
        " 0.05 after Holm's adjustment for all comparisons. Otherwise the verdict is *inconclusive*. For counts of rows"
        " and for the best row it rests on simultaneous intervals for all rows, from the variance between seeds with"
        " the row's scheduler. By the published figures alone a claim is significant where p there is below 0.05."
        " Small networks are those of tables 5 and 6."
    )
    lines = [(claim.text, claim.published, claim.ours, f"**{claim.verdict}**") for claim in claims]
    return f"{note}\n\n{table(('claim', 'by the published figures', 'here', 'verdict'), lines)}"


def effects(published: Fits, ours: Fits) -> str:
    """Describe each model, with its comparisons; empty without published figures."""
    if not published:
        return ""
    return "\n\n".join(_design(design, published[design.title], ours.get(design.title)) for design in DESIGNS)


def _design(design: Design, published: Fit, ours: Fit | None) -> str:
    factors = ", ".join(named(factor) for factor in design.factors)
    terms = f"{factors} and all two-way interactions" if design.interactions else factors
    method = f"Test accuracy after the last epoch is explained by {terms}."
    if not design.interactions:
        method += (
            " Additive effects are assumed, since the rows are not a full factorial: plain rows and those at a constant"
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
    size = f"{fit.runs} networks{blocks}, {fit.df} residual degrees of freedom"
    return f"{size}, residual deviation {fit.noise:.3f} points"


def _cells(effect: Effect | None) -> tuple[str, str, str]:
    if effect is None:
        return "", "", ""
    return f"{effect.difference:+.3f}", f"{effect.low:+.3f} to {effect.high:+.3f}", p_value(effect.p)


def _interactions(fit: Fit) -> list[str]:
    """List the significant interactions, each with its means."""
    if not fit.interactions:
        return []
    significant = {factors: pair for factors, pair in fit.interactions.items() if pair.significant}
    tests = f"Of the {len(fit.interactions)} two-way interactions (F tests, adjusted by Holm's method)"
    if not significant:
        return [f"{tests} none is significant: no effect above is found to depend on another factor."]
    names = [f"{named(a)} and {named(b)} (p {p_value(pair.p)})" for (a, b), pair in significant.items()]
    verb = "is" if len(significant) == 1 else "are"
    line = (
        f"{tests} {len(significant)} {verb} significant: {', '.join(names)}. An effect of these factors above is"
        " then an average over unequal ones; mean test accuracy by both factors:"
    )
    return [line, *(_means(*factors, pair) for factors, pair in significant.items())]


def _means(down: str, across: str, pair: Interaction) -> str:
    lines, columns = (list(dict.fromkeys(levels)) for levels in zip(*pair.means, strict=True))
    header = (f"{named(down)} \\ {named(across)}", *columns)
    return table(header, [(line, *(f"{pair.means[line, column]:.3f}" for column in columns)) for line in lines])


def _assumptions(fit: Fit) -> list[str]:
    """Report the tests of the model's assumptions."""
    lines = []
    if fit.by_seed is not None:
        significant = fit.by_seed < 1 - LEVEL
        lines.append(
            "Networks of one architecture and seed begin with the same weights, and all of one seed see the images in"
            f" the same order. Effects {'vary' if significant else 'do not vary'} significantly between seeds (F test,"
            f" p {p_value(fit.by_seed)}), so "
            + ("the intervals are somewhat too narrow." if significant else "they are treated as independent runs.")
        )
    if fit.lack_of_fit is not None:
        significant = fit.lack_of_fit < 1 - LEVEL
        lines.append(
            f"Lack of fit is {'significant' if significant else 'not significant'} (F test against the rows' own means,"
            f" p {p_value(fit.lack_of_fit)})"
            + (": the effects do not add up, and the comparisons hold for these rows only." if significant else ".")
        )
    return lines


def named(factor: str) -> str:
    """Give a factor's name in words."""
    return NAMES.get(factor, factor)


def p_value(p: float) -> str:
    """Write a p value."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
