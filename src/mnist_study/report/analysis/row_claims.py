"""The study's claims about single rows: which of them reach the target, and which is the best."""

from collections.abc import Iterator
from dataclasses import dataclass

from mnist_study.report.analysis.differences import Difference, highest, lowest, student, welch
from mnist_study.report.analysis.rows import noises
from mnist_study.report.results.outcomes import Results

NAMED_BEST = "transition_fc-b64-step-affine_jitter"  # the row that the study's text calls its best
NAMED_ACCURACY = 99.57  # its test accuracy in percent, by the text
INCOMPLETE = "not all rows are trained"


@dataclass(frozen=True)
class Evidence:
    """What speaks for a claim or against it; `effect` is None where it cannot be tested, `ours` then says why.

    `seeds` is how many a row, at least, the effect rests on; None where more of ours would not settle it.
    """

    text: str
    published: str
    ours: str
    effect: Difference | None = None
    seeds: int | None = None


class Rows:
    """The study's rows, as trained here, with the noise of each."""

    def __init__(self, results: Results) -> None:
        self.published, self.trained, self.noises = results.published, results.rows(), noises(results)
        self.goal = results.target.accuracy

    def why_not(self, names: list[str]) -> str | None:
        """Say why a claim about these rows cannot be tested; None where it can."""
        if not names or any(name not in self.trained for name in names):
            return INCOMPLETE
        return None if all(name in self.noises for name in names) else "one seed each, so the noise is not known"

    def seeds(self, names: list[str]) -> int:
        """Give the fewest seeds of these rows."""
        return min(self.trained[name].metrics["seeds"] for name in names)

    def mean(self, name: str) -> float:
        """Give a row's test accuracy."""
        return self.trained[name].metrics["test_accuracy"]

    def less(self, names: list[str], accuracy: float) -> list[Difference]:
        """Give each row's accuracy less this one, with simultaneous intervals."""
        found = []
        for name in names:
            noise, seeds = self.noises[name], self.trained[name].metrics["seeds"]
            found.append(student(self.mean(name) - accuracy, noise.sd / seeds**0.5, noise.df, len(names)))
        return found

    def less_one_run(self, name: str, accuracy: float) -> Difference:
        """Give a row's accuracy less that of one run, which varies as our networks do."""
        noise = self.noises[name]
        return student(self.mean(name) - accuracy, noise.run_error(self.trained[name].metrics["seeds"]), noise.df)

    def above(self, name: str, others: list[str]) -> list[Difference]:
        """Give a row's accuracy less that of each other, with simultaneous intervals."""
        found, seeds = [], {each: self.trained[each].metrics["seeds"] for each in (name, *others)}
        for other in others:
            value, noise = self.mean(name) - self.mean(other), self.noises
            found.append(welch(value, noise[name], seeds[name], noise[other], seeds[other], len(others)))
        return found

    def count(self, names: list[str]) -> str:
        """Count the rows whose mean is at the goal."""
        return f"{sum(self.mean(name) >= self.goal for name in names)} of {len(names)} rows"

    def count_published(self, names: list[str]) -> str:
        """Count the rows whose published figure is at the goal."""
        return f"{sum(self.published[name].test_accuracy >= self.goal for name in names)} of {len(names)} rows"


def of(rows: Rows) -> Iterator[Evidence]:
    """Give the evidence for each of these claims."""
    goal, published = f"{rows.goal:.2f} %", rows.published
    yield _reached(f"{goal} is reached", rows, list(published))
    linear = [name for name, row in published.items() if row.architecture != "transition"]
    yield _reached(f"{goal} is reached with a fully connected layer", rows, linear)
    small = [name for name, row in published.items() if row.table in (5, 6)]
    yield _reached(f"{goal} is reached by 6,290 parameters", rows, small)
    yield _takes_small_batches(f"{goal} takes batch size 64", rows)
    yield _always(f"With augmentation or a scheduler {goal} is reached every time", rows)
    yield _best("Best: `transition_fc`, StepLR, augmentation, batch size 64", rows)
    yield _named_accuracy(f"That network has {NAMED_ACCURACY} %", rows)


def _reached(text: str, rows: Rows, names: list[str]) -> Evidence:
    """Judge by the highest row."""
    published = rows.count_published(names)
    if why := rows.why_not(names):
        return Evidence(text, published, why)
    found = rows.less(names, rows.goal)
    ours = f"{rows.count(names)}, {sum(each.low > 0 for each in found)} by simultaneous intervals"
    return Evidence(text, published, ours, highest(found), rows.seeds([max(names, key=rows.mean)]))


def _takes_small_batches(text: str, rows: Rows) -> Evidence:
    """Judge by the highest row of 128, which must be below the goal, while a row of 64 reaches it."""
    small, large = ([name for name, row in rows.published.items() if row.batch_size == size] for size in (64, 128))
    published = f"{rows.count_published(large)} of 128"
    if why := rows.why_not(small + large):
        return Evidence(text, published, why)
    effect = -highest(rows.less(large, rows.goal))
    if effect.value > 0:  # for the claim: then a row of 64 has to reach the goal, too
        reaches = highest(rows.less(small, rows.goal))
        effect = max(effect, reaches, key=lambda each: each.p) if reaches.value > 0 else reaches
    return Evidence(text, published, f"{rows.count(large)} of 128", effect, rows.seeds(small + large))


def _always(text: str, rows: Rows) -> Evidence:
    """Judge by the lowest row."""
    names = [name for name, row in rows.published.items() if row.helped]
    if why := rows.why_not(names):
        return Evidence(text, rows.count_published(names), why)
    effect = lowest(rows.less(names, rows.goal))
    return Evidence(
        text, rows.count_published(names), rows.count(names), effect, rows.seeds([min(names, key=rows.mean)])
    )


def _best(text: str, rows: Rows) -> Evidence:
    """Compare the row that the study calls best with all others at once."""
    theirs = {name: row.test_accuracy for name, row in rows.published.items()}
    top = max(theirs, key=lambda name: theirs[name])
    published = f"{theirs[NAMED_BEST]:.2f}; best row `{top}`, {theirs[top]:.2f}"
    others = [name for name in theirs if name != NAMED_BEST]
    if why := rows.why_not([NAMED_BEST, *others]):
        return Evidence(text, published, why)
    place = 1 + sum(rows.mean(name) > rows.mean(NAMED_BEST) for name in others)
    best = max(others, key=rows.mean)
    ours = f"{rows.mean(NAMED_BEST):.3f}, place {place}; best of the others `{best}`, {rows.mean(best):.3f}"
    return Evidence(text, published, ours, lowest(rows.above(NAMED_BEST, others)), rows.seeds([NAMED_BEST, best]))


def _named_accuracy(text: str, rows: Rows) -> Evidence:
    """Compare with one run, as which the study names it."""
    published = f"{rows.published[NAMED_BEST].test_accuracy:.2f} in its table"
    if why := rows.why_not([NAMED_BEST]):
        return Evidence(text, published, why)
    return Evidence(text, published, f"{rows.mean(NAMED_BEST):.3f}", rows.less_one_run(NAMED_BEST, NAMED_ACCURACY))
