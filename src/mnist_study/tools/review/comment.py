"""The review as Markdown for a pull request."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_study.report.page.markdown import count, table
from mnist_study.tools.pushed import CURE
from mnist_study.tools.review.comparison import Change
from mnist_study.tools.review.judge import TESTS

NAMED = 4  # variants or reasons that a line names before it says how many more there are
SHOWN = ("test_accuracy", "parameters", "seeds")  # of a variant that is new or gone
MEND = "`dvc repro` runs them; then `dvc push`, and commit dvc.lock, .dvc/store, metrics and reports together."


@dataclass(frozen=True)
class Review:
    """All that a review found; `against` names what it compares with."""

    against: str
    stale: Mapping[str, Sequence[str]]
    following: Sequence[str]
    unpushed: Mapping[str, str]
    parameters: Sequence[Change]
    added: Mapping[str, Mapping[str, Any]]
    removed: Mapping[str, Mapping[str, Any]]
    accuracies: Sequence[Change]
    others: Sequence[Change]
    headline: Sequence[Change]
    notes: Sequence[str]


def write(review: Review) -> str:
    """Write the page, a section for each kind of change that there is."""
    sections = [
        _stale(review.stale, review.following),
        _unpushed(review.unpushed),
        _headline(review.headline),
        _accuracies(review.accuracies, review.notes),
        _others(review.others),
        _variants(review.added, review.removed),
        _parameters(review.parameters),
    ]
    found = [section for section in sections if section]
    title = f"## Review against {review.against}"
    return "\n\n".join([title, *(found or ["No stage is stale, and no parameter, variant or metric changed."])]) + "\n"


def _stale(stale: Mapping[str, Sequence[str]], following: Sequence[str]) -> str:
    if not stale:
        return ""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for stage, reasons in stale.items():
        kind, _, name = stage.partition("@")
        groups.setdefault((kind, tuple(reasons)), []).append(name)
    rows = [[f"`{kind}`", _names(names), some(reasons)] for (kind, reasons), names in groups.items()]
    lines = [f"### {count(len(stale), 'stale stage')}", table(["stage", "of", "why"], rows)]
    if following:
        kinds: dict[str, list[str]] = {}
        for stage in following:
            kind, _, name = stage.partition("@")
            kinds.setdefault(kind, []).append(name)
        waiting = ", ".join(f"`{kind}`" + (f" of {_names(names)}" if names[0] else "") for kind, names in kinds.items())
        lines.append(f"Read what these write, and may have to run again: {waiting}.")
    return "\n\n".join([*lines, f"The figures below are from before that. {MEND}"])


def _unpushed(unpushed: Mapping[str, str]) -> str:
    if not unpushed:
        return ""
    groups: dict[str, list[str]] = {}
    for stage, author in unpushed.items():
        groups.setdefault(author or "nobody yet", []).append(stage)
    rows = [[_cell(author), _names(stages)] for author, stages in groups.items()]
    drawn = table(["committed by", "stages"], rows)
    note = f"Neither the store in git nor the default remote has these, so a clone trains them again. To do: {CURE}."
    return f"### Results that were not pushed\n\n{drawn}\n\n{note}"


def _headline(changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    rows = [[f"`{change.key}`", *_both(change), _verdict(change)] for change in changes]
    return "\n\n".join(
        ["### Headline", table(["metric", "before", "after", "verdict"], rows), _legend(changes)]
    ).strip()


def _accuracies(changes: Sequence[Change], notes: Sequence[str]) -> str:
    if not changes:
        return ""
    rows = [[f"`{c.variant}`", *_both(c), f"{c.after - c.before:+.3f}", c.test, _p(c), _verdict(c)] for c in changes]
    drawn = table(["variant", "before", "after", "change", "test", "p", "verdict"], rows)
    return "\n\n".join(["### Test accuracy", drawn, _legend(changes), *notes])


def _others(changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    rows = [[f"`{c.variant}`", c.key, *_both(c), c.test, _p(c), _verdict(c)] for c in changes]
    drawn = table(["variant", "metric", "before", "after", "test", "p", "verdict"], rows)
    summary = f"<details><summary>Other metrics: {len(changes)} changed</summary>"
    return "\n\n".join(part for part in [summary, drawn, _legend(changes), "</details>"] if part)


def _variants(added: Mapping[str, Mapping[str, Any]], removed: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [f"`{name}`", how, *(_value(key, entry.get(key)) for key in SHOWN), _recipe(entry["recipe"])]
        for how, entries in (("added", added), ("removed", removed))
        for name, entry in entries.items()
    ]
    drawn = table(["variant", "", "test accuracy", "parameters", "seeds", "recipe"], rows)
    return f"### Variants\n\n{drawn}" if rows else ""


def _parameters(changes: Sequence[Change]) -> str:
    rows = [[f"`{change.key}`", *_both(change)] for change in changes]
    return f"### Parameters\n\n{table(['key', 'before', 'after'], rows)}" if rows else ""


def _legend(changes: Iterable[Change]) -> str:
    """Say in a line which tests were made."""
    judged = [change for change in changes if change.test]
    used = [name for name in TESTS if any(change.test == name for change in judged)]
    if not used:
        return ""
    adjusted = f", adjusted by Holm's method for {len(judged)} tests" if len(judged) > 1 else ""
    return f"Better and worse: p below 0.05{adjusted}. " + " ".join(f"{name}: {TESTS[name]}." for name in used)


def _both(change: Change) -> list[str]:
    return [_value(change.key, value) for value in (change.before, change.after)]


def _value(key: str, value: object) -> str:
    """Write a value: accuracies with three decimals, losses with four, mappings as params.yaml has them."""
    if value is None:
        return ""
    if key.endswith(("accuracy", "accuracy_sd")) and not key.startswith("target") and isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, float) and key.endswith("loss"):
        return f"{value:.4f}"
    if isinstance(value, bool):
        return str(value).lower()
    if key.endswith("parameters") and isinstance(value, int):
        return f"{value:,}"
    return _cell(str(value))


def _recipe(recipe: Mapping[str, Any]) -> str:
    return _cell(", ".join(f"{key} {value}" for key, value in recipe.items()))


def _cell(text: str) -> str:
    """Keep a user's text from ending a cell or beginning a tag."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _p(change: Change) -> str:
    if change.p is None:
        return ""
    return f"{change.p:.3f}" if change.p >= 0.001 else "below 0.001"


def _verdict(change: Change) -> str:
    return {"better": "**better**", "worse": "**worse**"}.get(change.verdict or "", change.verdict or "")


def _names(names: Sequence[str]) -> str:
    return some([f"`{name}`" for name in names if name])


def some(texts: Sequence[str]) -> str:
    """Name the first few, and say how many more there are."""
    more = f" and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return ", ".join(texts[:NAMED]) + more
