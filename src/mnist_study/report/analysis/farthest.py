"""How much the verdicts rest on one network: they are judged again without the one farthest from its row's mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mnist_study.report.analysis import claims, effects
from mnist_study.report.analysis.claims import Claim
from mnist_study.report.analysis.factorial import Fit
from mnist_study.report.results.outcomes import Results


@dataclass(frozen=True)
class Farthest:
    """A network, its test accuracy, the mean of its row's others, and the claims judged otherwise without it."""

    variant: str
    seed: int
    accuracy: float
    others: float
    changed: Sequence[Claim]


def without_farthest(results: Results, published: Mapping[str, Fit], judged: Sequence[Claim]) -> Farthest | None:
    """Judge the claims without one network; None where no row has three."""
    networks = [
        (abs(replica["test_accuracy"] - outcome.metrics["test_accuracy"]), name, replica["seed"])
        for name, outcome in results.rows().items()
        for replica in outcome.evaluation["replicas"]
        if outcome.metrics["seeds"] > 2
    ]
    if not networks or not judged:
        return None
    _, name, seed = max(networks)
    left = results.without(name, seed)
    again = claims.judge(left, dict(published), effects.of_results(left), effects.of_epoch(left, claims.EARLY))
    changed = [new for new, old in zip(again, judged, strict=True) if new.verdict != old.verdict]
    replicas = results.outcomes[name].evaluation["replicas"]
    accuracy = next(replica["test_accuracy"] for replica in replicas if replica["seed"] == seed)
    return Farthest(name, seed, accuracy, left.outcomes[name].metrics["test_accuracy"], changed)
