"""The report: a page to read, its figures, and tables for `dvc plots`; put in place whole or not at all."""

import shutil
from pathlib import Path

from mnist_study import swap
from mnist_study.core.errors import UserError
from mnist_study.report import page, plot_tables
from mnist_study.report.analysis import claims, effects
from mnist_study.report.analysis.farthest import without_farthest
from mnist_study.report.figures import draw
from mnist_study.report.results import metrics
from mnist_study.report.results.misses import Misses
from mnist_study.report.results.outcomes import Results


def write_report(results: Results, misses: Misses, *, metrics_folder: Path, reports: Path) -> None:
    """Write the three files of metrics and replace the folder of reports.

    All is put in place or nothing: an error or a signal leaves all as it was.
    """
    numbers = {
        "variants.json": metrics.to_json(results.variants()),
        "summary.json": metrics.to_json(results.summary()),
        "logits.json": metrics.to_json(results.logits()),
    }
    pages = report_files(results, misses)
    try:
        _replace(numbers, pages, metrics_folder, reports)
    except OSError as error:
        what = error.filename if isinstance(error, IsADirectoryError) else reports
        raise UserError(f"{what}: cannot be written ({error.strerror}); the last report is still there") from None


def _replace(numbers: dict[str, str], pages: dict[str, bytes], metrics_folder: Path, reports: Path) -> None:
    reports.parent.mkdir(parents=True, exist_ok=True)
    metrics_folder.mkdir(parents=True, exist_ok=True)
    beside = reports.with_name(f".{reports.name}-new")
    shutil.rmtree(beside, ignore_errors=True)  # left by a run that was killed
    try:
        for relative, content in pages.items():
            _save(beside / "reports" / relative, content)
        for name, text in numbers.items():
            _save(beside / name, text.encode())
        metrics_files = {metrics_folder / name: beside / name for name in numbers}
        swap.put_in_place({reports: beside / "reports", **metrics_files}, beside / "old")
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def report_files(results: Results, misses: Misses) -> dict[str, bytes]:
    """Make every file of the report, by its path within the folder."""
    published, ours = effects.of_published(results.published), effects.of_results(results)
    judged = claims.judge(results, published, ours, effects.of_epoch(results, claims.EARLY))
    pictures = draw.draw(results, misses, published, ours)
    tables = {
        "learning_curves": plot_tables.learning_curves(results),
        "leaderboard": plot_tables.leaderboard(results),
        "confusion": plot_tables.confusion(results),
    }
    farthest = without_farthest(results, published, judged)
    pages = page.write(results, misses, judged, published, ours, pictures, farthest)
    return {
        **{name: text.encode() for name, text in pages.items()},
        **{f"figures/{name}.svg": svg for name, svg in pictures.items()},
        **{f"plots/{name}.csv": table.encode() for name, table in tables.items()},
    }


def _save(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
