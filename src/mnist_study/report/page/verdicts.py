"""The study's claims with their verdicts, and the effects that most of them rest on."""

from collections.abc import Sequence

from mnist_study.report.analysis.claims import Claim, p_value, say
from mnist_study.report.analysis.designs import DESIGNS, Design
from mnist_study.report.analysis.differences import Difference
from mnist_study.report.analysis.factorial import Fit, Interaction
from mnist_study.report.analysis.intervals import LEVEL
from mnist_study.report.page.markdown import table

Fits = dict[str, Fit]
NAMES = {"batch_size": "batch size"}
MANY = 1000  # seeds; nobody will train more


def claims_table(claims: Sequence[Claim]) -> str:
    """Give every claim with its verdict; empty without claims."""
    if not claims:
        return ""
    note = (
        "A verdict rests on the networks trained here; the study's own figures, one run a row, stand beside them."
        " *Difference* is in points of test accuracy, with its 95 % interval; above 0 it speaks for the claim. Where it"
        " is significant (p below 0.05, adjusted by Holm's method for all claims), the claim is *supported* or"
        " *contradicted*, else *inconclusive*. *Seeds* is the number a row with which a difference of this size would"
        " be significant with a chance of 80 %. For claims about rows the difference is that of the highest row from"
        " the target (the lowest, where all must reach it), with an interval that holds for all rows at once. The other"
        " differences are from the models under [Effects](#effects). Small networks are those of tables 5 and 6."
    )
    header = ("claim", "by the published figures", "here", "difference", "verdict", "seeds")
    lines = [
        (
            *(claim.text, claim.published, claim.ours, say(claim.effect) if claim.effect else ""),
            *(f"**{claim.verdict}**", _seeds(claim.seeds)),
        )
        for claim in claims
    ]
    return f"{note}\n\n{table(header, lines)}"


def _seeds(number: int | None) -> str:
    if number is None:
        return ""
    return f"{number:,}" if number <= MANY else f"over {MANY:,}"


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
    header = ("change", "here", "95 % interval", "published", "95 % interval")
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
    return f"{fit.runs} networks, {fit.df} residual degrees of freedom, residual deviation {fit.noise:.3f} points"


def _cells(effect: Difference | None) -> tuple[str, str]:
    if effect is None:
        return "", ""
    return f"{effect.value:+z.3f}", f"{effect.low:+z.3f} to {effect.high:+z.3f}"


def _interactions(fit: Fit) -> list[str]:
    """List the significant interactions, each with its means."""
    if not fit.interactions:
        return []
    significant = {factors: pair for factors, pair in fit.interactions.items() if pair.significant}
    tests = f"Of the {len(fit.interactions)} two-way interactions (F tests, adjusted by Holm's method)"
    if not significant:
        return [f"{tests} none is significant: no effect above is found to depend on another factor."]
    names = [f"{named(a)} and {named(b)} ({p_value(pair.p)})" for (a, b), pair in significant.items()]
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
    if fit.shared_seeds:
        lines.append(
            "Rows share seeds, so their networks begin alike and see the images in the same order. The intervals take"
            " them for independent, so they may be much too narrow (docs/statistics.md)."
        )
    if fit.lack_of_fit is not None:
        significant = fit.lack_of_fit < 1 - LEVEL
        lines.append(
            f"Lack of fit is {'significant' if significant else 'not significant'} (F test against the rows' own means,"
            f" {p_value(fit.lack_of_fit)})"
            + (": the effects do not add up, and the comparisons hold for these rows only." if significant else ".")
        )
    return lines


def named(factor: str) -> str:
    """Give a factor's name in words."""
    return NAMES.get(factor, factor)
