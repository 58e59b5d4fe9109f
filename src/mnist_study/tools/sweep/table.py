"""The table of a sweep: a CSV file with a row for each training, and its means."""

import csv
import io
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from mnist_study.core import files
from mnist_study.core.errors import UserError

SCORES = {"train_accuracy": ".3f", "validation_accuracy": ".3f", "validation_loss": ".4f"}
FIELDS = ["trial", "variant", "seed", "parameters", *SCORES, "recipe_hash"]


def done(table: Path) -> dict[tuple[str, ...], str]:
    """Give the hash of each trial, variant and seed in the table; raises UserError for one without that column."""
    known = rows(table)
    if known and "recipe_hash" not in known[0]:
        raise UserError(
            f"{table}: has no column recipe_hash, so nothing says what was trained; copy the plan to another name"
        )
    return {key(row): row["recipe_hash"] for row in known}


def rows(table: Path) -> list[dict[str, str]]:
    """Read the table's rows; there may be none yet. One that was cut short is left out, so it is trained again.

    Raises UserError where a column is missing or a score is no number, as after an edit with another program.
    """
    lines = csv.DictReader(io.StringIO(_whole_lines(table), newline=""))
    missing = [name for name in FIELDS[:-1] if name not in (lines.fieldnames or FIELDS)]
    if missing:
        raise UserError(f"{table}: has no column {missing[0]}; allowed is the header {','.join(FIELDS)}")
    known = [row for row in lines if None not in row.values()]
    for row in known:
        for score in SCORES:
            if not _is_number(row[score]):
                where = ", ".join(key(row))
                raise UserError(
                    f"{table}: {where}: {score} {row[score]!r} given; allowed is a number, or delete the row"
                )
    return known


def key(row: dict[str, str]) -> tuple[str, ...]:
    """Name a row, as `Task.key` does."""
    return row["trial"], row["variant"], row["seed"]


def append(table: Path, row: dict[str, str]) -> None:
    """Add a row, after the header if it is the first; the file is replaced whole, so no kill cuts a row short."""
    line = io.StringIO(newline="")
    csv.DictWriter(line, FIELDS, lineterminator="\n").writerow(row)
    before = _whole_lines(table) or ",".join(FIELDS) + "\n"
    files.write(table, (before + line.getvalue()).encode())


def _whole_lines(table: Path) -> str:
    try:
        text = table.read_bytes().decode("utf-8-sig") if table.exists() else ""
    except UnicodeDecodeError:
        raise UserError(f"{table}: is not UTF-8 text") from None
    return text[: text.rfind("\n") + 1]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def means(rows: Iterable[dict[str, str]]) -> Table:
    """Give the mean over seeds of each trial and variant and, where there are several, over the trial's variants."""
    trials: dict[str, dict[str, list[dict[str, str]]]] = {}
    for row in sorted(rows, key=lambda row: (row["trial"], row["variant"])):
        trials.setdefault(row["trial"], {}).setdefault(row["variant"], []).append(row)
    shown = Table("trial", "variant", "parameters", "runs", "validation accuracy", "loss", "training accuracy")
    for trial, variants in trials.items():
        lines = [(variant, group[0]["parameters"], group) for variant, group in variants.items()]
        if len(variants) > 1:
            lines.append(("all", "", [row for group in variants.values() for row in group]))
        for variant, parameters, group in lines:
            training, accuracy, loss = (statistics.fmean(float(row[score]) for row in group) for score in SCORES)
            scores = f"{accuracy:.3f}", f"{loss:.4f}", f"{training:.2f}"
            shown.add_row(Text(trial), variant, parameters, str(len(group)), *scores)
    return shown


def better_half(rows: Sequence[dict[str, str]], trials: Iterable[str], seeds: Iterable[int]) -> list[str]:
    """Give the half of the trials, rounded up, that have the highest mean validation accuracy with these seeds.

    Where two are equal the lower mean loss counts. They stay in the order in which they were given.
    """
    names, wanted = list(trials), {str(seed) for seed in seeds}
    counted = [row for row in rows if row["seed"] in wanted]

    def mean(trial: str, score: str) -> float:
        return statistics.fmean(float(row[score]) for row in counted if row["trial"] == trial)

    ranked = sorted(names, key=lambda trial: (-mean(trial, "validation_accuracy"), mean(trial, "validation_loss")))
    kept = set(ranked[: (len(names) + 1) // 2])
    return [name for name in names if name in kept]
