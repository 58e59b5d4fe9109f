"""How figures and tables are written in Markdown."""

from collections.abc import Iterable, Sequence

from mnist_study.report.analysis.intervals import Interval
from mnist_study.report.results.outcomes import Outcome


def table(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Write a table."""
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)


def count(number: int, noun: str) -> str:
    """Write a count with its noun, in the plural where it is one."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def interval(ends: Interval, form: str = ".2f") -> str:
    """Write both ends; `form` is a format such as `+.2f`."""
    return " to ".join(f"{end:{form}}" for end in ends)


def accuracy(outcome: Outcome) -> str:
    """Write the test accuracy in percent, with the standard deviation over seeds where there are two or more."""
    ours = outcome.metrics
    if "test_accuracy_sd" not in ours:
        return f"{ours['test_accuracy']:.2f}"
    return f"{ours['test_accuracy']:.3f} ± {ours['test_accuracy_sd']:.3f}"


def anchor(title: str) -> str:
    """Give the link to a heading, as GitHub makes it."""
    return "#" + "".join(sign for sign in title.lower().replace(" ", "-") if sign.isalnum() or sign in "-_")
