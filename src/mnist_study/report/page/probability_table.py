"""Metrics of the probabilities, for the variants of which they were kept."""

import inspect
from collections.abc import Callable

from mnist_study.report.page.markdown import table
from mnist_study.report.results.outcomes import Results
from mnist_study.report.results.probabilities import METRICS


def probability_table(results: Results) -> str:
    """List the metrics and say what each is; empty where no variant has any."""
    lines = [
        (f"`{name}`", *(outcome.metrics[metric] for metric in METRICS))
        for name, outcome in results.outcomes.items()
        if METRICS.keys() <= outcome.metrics.keys()
    ]
    if not METRICS or not lines:
        return ""
    meanings = [f"- `{name}`: {_first_line(function)}" for name, function in METRICS.items()]
    note = "Means over seeds, for the variants of which probabilities were kept (`engine: exact`)."
    return "\n\n".join([note, table(("variant", *METRICS), lines), "\n".join(meanings)])


def _first_line(function: Callable[..., float]) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]
