"""Where the study contradicts itself or leaves something open; reported as it stands."""

from collections.abc import Mapping

from mnist_study.report.analysis.row_claims import NAMED_ACCURACY, NAMED_BEST
from mnist_study.report.results.outcomes import Target
from mnist_study.report.results.reference import Published


def oddities(rows: Mapping[str, Published], target: Target) -> str:
    """List them, with the figures of the published tables; empty without those."""
    if not rows:
        return ""
    best = max(rows, key=lambda name: rows[name].test_accuracy)
    at = [row for row in rows.values() if row.test_accuracy >= target.accuracy]
    helped = [row for row in rows.values() if row.helped]
    helped_at = sum(row.test_accuracy >= target.accuracy for row in helped)
    odd = max((row for row in rows.values() if row.table == 5), key=lambda row: row.train_accuracy)
    others = [row.train_accuracy for row in rows.values() if row.table == 5 and row is not odd]
    no_linear = sum(row.architecture == "transition" for row in at)
    goal = f"{target.accuracy:.2f} %"
    points = [
        f"The text names {NAMED_ACCURACY} % as the best result, of StepLR, batch size 64 and augmentation with dropout,"
        f" transition and fully connected layer. The table has {rows[NAMED_BEST].test_accuracy:.2f} for that row"
        f" (`{NAMED_BEST}`). No cell of the {len(rows)} holds {NAMED_ACCURACY}; the highest is"
        f" {rows[best].test_accuracy:.2f} (`{best}`), the same recipe without the fully connected layer.",
        "The text names the fully connected layer among the reasons for its best result. The highest cell has none; of"
        f" the {len(at)} rows at {goal} or more, {no_linear} has none.",
        f"The text says that {goal} was reached whenever augmentation or a scheduler was used. Of the {len(helped)}"
        f" rows with one or both, {helped_at} are at {goal} or more.",
        f"Table 5 has a training accuracy of {odd.train_accuracy}, among neighbours of {min(others)} to {max(others)}.",
        "Tables 3 and 4 do not name dropout. The text says that these networks are built on the one with dropout, and"
        " their parameter counts are right only with dropout in the place of the first batch norm.",
        "The text mentions different loss functions, but names and varies none, and three types of learning rates,"
        " which are a constant rate and two schedulers.",
        "Tables 5 and 6 have too few rows to separate the effects of their changes: table 6 has no row at a constant"
        " rate or without rotation, and the rows of table 5 without rotation are all at a constant rate.",
        "The dropout network and the two-pool network show the same picture file as their diagram.",
        "The 10,000 test images are called validation images and select the best of 60 networks. By chance alone the"
        " best of 60 equal networks lies about 2.3 standard deviations above their mean, so the highest figures are"
        " biased upwards.",
        "Each row is one run, without a seed or an interval. The optimiser, the learning rate, the options of the"
        " schedulers, the strength of the augmentation and the dropout rate of tables 2 to 4 are not given, nor whether"
        " the accuracy is that of the last or of the best epoch. The limit is 20 epochs; the networks trained for 19.",
    ]
    return "\n".join(f"{number}. {point}" for number, point in enumerate(points, 1))
