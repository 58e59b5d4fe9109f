"""Metrics of the probabilities, for the variants of which they were kept."""

import inspect

from mnist_study.report.page.markdown import table
from mnist_study.report.results.outcomes import Results
from mnist_study.report.results.probabilities import METRICS


def probability_table(results: Results) -> str:
    """List the metrics of each variant that has them; empty where none has."""
    lines = [
        (f"`{name}`", *(outcome.metrics[metric] for metric in METRICS))
        for name, outcome in results.outcomes.items()
        if METRICS and METRICS.keys() <= outcome.metrics.keys()
    ]
    return table(("variant", *METRICS), lines) if lines else ""


def meanings() -> dict[str, str]:
    """Say what each metric is: the first line of its docstring."""
    return {name: (inspect.getdoc(function) or "").partition("\n")[0] for name, function in METRICS.items()}
