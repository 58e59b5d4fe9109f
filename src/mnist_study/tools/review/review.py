"""Print what a branch changes against a base, as Markdown for a pull request."""

from pathlib import Path
from typing import Any

from mnist_study.core.errors import UserError
from mnist_study.report.results.reference import read_published
from mnist_study.tools import dvc, pushed
from mnist_study.tools.doctor import record
from mnist_study.tools.named import PARAMS
from mnist_study.tools.review import comment, comparison, stale
from mnist_study.tools.review.comment import Review
from mnist_study.tools.review.judge import Judge, settle
from mnist_study.tools.review.predictions import read_labels
from mnist_study.tools.review.revision import Revision, branch_point

LABELS = Path("data/mnist/t10k-labels-idx1-ubyte")
PUBLISHED = Path("reference/published.csv")


def print_review(base: str) -> bool:
    """Print the review since this branch left `base`, a branch, tag or commit; tell whether all is run and pushed."""
    commit = branch_point(base)
    review = make(f"`{base}` ({commit[:7]})", Revision(commit), Revision(None))
    print(comment.write(review), end="")
    return not review.stale and not review.unpushed


def make(against: str, before: Revision, after: Revision) -> Review:
    """Compare the working tree with a commit."""
    from mnist_study.configure import build  # torch takes seconds to import

    record.require_whole(Path())
    configured = build.texts(build.read(PARAMS))
    reasons = stale.stale(dvc.status(), after.stages, configured, after.params)
    judge = Judge(before, after, read_labels(LABELS), read_published(PUBLISHED))
    both = [name for name in after.variants if name in before.variants]
    changed = [c for name in both for c in comparison.changes(before.variants[name], after.variants[name], name)]
    accuracies = [judge.accuracy(change) for change in changed if change.key == "test_accuracy"]
    try:
        unpushed, unknown = pushed.unpushed(), []
    except UserError as error:
        unpushed, unknown = {}, [f"Whether all results were pushed is not known: {error}."]
    return Review(
        against=against,
        stale=reasons,
        following=stale.following(reasons, after.stages, after.params),
        unpushed=unpushed,
        parameters=comparison.parameters(before.params, after.params),
        added=described(after, before),
        removed=described(before, after),
        accuracies=settle(accuracies),
        others=settle([judge.other(change) for change in changed if change.key != "test_accuracy"]),
        headline=settle([judge.headline(change) for change in comparison.changes(before.summary, after.summary)]),
        notes=unknown + notes(judge),
    )


def described(one: Revision, other: Revision) -> dict[str, dict[str, Any]]:
    """Give the variants that the other revision lacks: metrics, where there are some, and the line in params.yaml."""
    missing = other.params.get("variants", {})
    return {
        name: one.variants.get(name, {}) | {"recipe": recipe}
        for name, recipe in one.params.get("variants", {}).items()
        if name not in missing
    }


def notes(judge: Judge) -> list[str]:
    """Say what predictions or labels were missing, and what that did."""
    found = []
    if judge.labels is None:
        found.append(f"{LABELS} is not there, so no test compares image by image; `dvc repro download` fetches it.")
    for when, cure in (("before", ""), ("after", "; `dvc push`, and commit .dvc/store")):
        names = [name for name, side in judge.unpaired.items() if side == when]
        if names:
            listed = ", ".join(f"`{name}`" for name in names)
            found.append(
                f"Predictions from {when} the change are in neither cache nor remote, so not compared image by image:"
                f" {listed}{cure}."
            )
    return found
