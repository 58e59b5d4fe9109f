"""Print a line for each variant that an experiment changed; `dvc exp show` has columns for each variant there is."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from mnist_study.tools import dvc

WIDTH = 100  # so that nothing is cut short in a pipe or a narrow window
METRICS = "metrics/variants.json"
FORMATS = {"test_accuracy": ".3f", "change": "+.3f", "validation_accuracy": ".3f", "parameters": ",", "seeds": ","}
Row = tuple[str, str, dict[str, float]]  # experiment; variant, or state; what FORMATS names


def show() -> None:
    """Print the experiments made from HEAD, each beside HEAD's results."""
    found = list(rows(dvc.experiments()))
    if found:
        Console(width=WIDTH, highlight=False).print(table(found))
    else:
        print("HEAD has no experiments; `dvc exp run` makes one (docs/experiments.md).")


def rows(commits: Iterable[dict[str, Any]]) -> Iterator[Row]:
    """Give the rows of what `dvc exp show --json` prints; an experiment that changed no variant has one row."""
    for commit in commits:
        before = _variants(commit) or {}
        for experiment in commit["experiments"] or []:
            last = experiment["revs"][0]
            name, after = experiment["name"] or last["rev"][:7], _variants(last)
            changed = {variant: now for variant, now in (after or {}).items() if now != before.get(variant)}
            for variant, now in changed.items():
                old = before.get(variant)
                change = {"change": now["test_accuracy"] - old["test_accuracy"]} if old else {}
                yield name, variant, now | change
            gone = [variant for variant in before if after and variant not in after]
            yield from ((name, f"{variant} (removed)", {}) for variant in gone)
            if not changed and not gone:
                state = (experiment["executor"] or {}).get("state", "failed")
                yield name, "(no result changed)" if after else f"({state})", {}


def table(found: Iterable[Row]) -> Table:
    """Draw the rows: accuracies in percent, changes in points. Each experiment is named once."""
    rows, last = list(found), ""
    shown = [key for key in FORMATS if any(key in numbers for *_, numbers in rows)]
    drawn = Table(box=SIMPLE, show_edge=False, pad_edge=False, collapse_padding=True)
    drawn.add_column("experiment", overflow="fold")
    drawn.add_column("variant", overflow="fold")
    for key in shown:
        drawn.add_column(key.removesuffix("_accuracy"), justify="right", no_wrap=True)
    for name, variant, numbers in rows:
        cells = [format(numbers[key], FORMATS[key]) if key in numbers else "" for key in shown]
        drawn.add_row("" if name == last else name, variant, *cells)
        last = name
    return drawn


def _variants(revision: dict[str, Any]) -> dict[str, dict[str, float]] | None:
    """Give the metrics of each variant; None where there are no results."""
    return ((revision["data"] or {}).get("metrics") or {}).get(METRICS, {}).get("data")
