"""Which stages dvc.lock is behind on, from made-up answers of `dvc status` and made-up locks."""

from hashlib import md5
from typing import Any

import pytest

from mnist_study.tools.review.stale import following, stale


def stage(deps: dict[str, str], outs: dict[str, str]) -> dict[str, Any]:
    return {
        "deps": [{"path": path, "md5": md5} for path, md5 in deps.items()],
        "outs": [{"path": path, "md5": md5} for path, md5 in outs.items()],
    }


A, B, D, S = (md5(text.encode(), usedforsecurity=False).hexdigest() for text in "abds")
PARAMS = {"variants": {"a": {}, "b": {}}, "augmentations": {"x": {}}, "champions": []}
OF_BOTH = "473a9ee7c2b218273ff026ae7693272e.dir"  # what DVC 3.67.1 gave for a folder of these two files
CONFIGURED = {"data.json": "d", "plan.json": "s", "recipes/a.json": "a", "recipes/b.json": "b"}
LOCK = {
    "configure": stage({"src/params.py": "p"}, {"build/recipes": OF_BOTH, "build/plan.json": S}),
    "download": stage({"build/data.json": D}, {"data/mnist": "m.dir"}),
    "train@a": stage({"src/training.py": "t", "build/recipes/a.json": A, "data/mnist": "m.dir"}, {"models/a": "wa"}),
    "train@b": stage({"src/training.py": "t", "build/recipes/b.json": B, "data/mnist": "m.dir"}, {"models/b": "wb"}),
    "evaluate@a": stage({"models/a": "wa"}, {"results/evaluation/a.json": A}),
    "evaluate@b": stage({"models/b": "wb"}, {"results/evaluation/b.json": B}),
    "report": stage(
        {"build/plan.json": S, "build/recipes": OF_BOTH, "results/evaluation": OF_BOTH},
        {"metrics/summary.json": "y"},
    ),
    "train@gone": stage({"src/training.py": "old"}, {"models/gone": "wg"}),
    "evaluate@gone": stage({"models/gone": "older"}, {"results/evaluation/gone.json": "g"}),
}


def changed(**stages: list[Any]) -> dict[str, Any]:
    return {name.replace("_at_", "@"): entries for name, entries in stages.items()}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, {}),
        # A fresh clone: data is in neither working tree nor cache.
        (
            changed(
                train_at_a=[
                    {"changed deps": {"data/mnist": "deleted"}},
                    {"changed outs": {"models/a": "not in cache"}},
                ],
                report=[{"changed deps": {"results/evaluation": "deleted"}}],
            ),
            {},
        ),
        # What lies in build/ is of another params.yaml, or not there.
        (
            changed(
                train_at_a=[{"changed deps": {"build/recipes/a.json": "modified"}}],
                train_at_b=[{"changed deps": {"build/recipes/b.json": "deleted"}}],
                report=[{"changed deps": {"build/recipes": "modified"}}],
                configure=[{"changed outs": {"build/recipes": "modified"}}],
            ),
            {},
        ),
        # Another branch's data lies in the working tree.
        (changed(evaluate_at_a=[{"changed deps": {"models/a": "modified"}}]), {}),
        (
            changed(train_at_a=[{"changed deps": {"src/training.py": "modified", "data/mnist": "deleted"}}]),
            {"train@a": ["`src/training.py` changed"]},
        ),
        (
            changed(report=[{"changed deps": {"reference/published.csv": "deleted"}}, "changed command"]),
            {"report": ["`reference/published.csv` is gone", "changed command"]},
        ),
        (
            changed(report=[{"changed outs": {"metrics/summary.json": "modified"}}]),
            {"report": ["`metrics/summary.json` is not what it wrote"]},
        ),
        (changed(train_at_new=[{"changed deps": {"src/training.py": "new"}}]), {"train@new": ["has not run"]}),
    ],
)
def test_what_dvc_says_counts_where_it_is_not_about_missing_data(
    status: dict[str, Any], expected: dict[str, list[str]]
):
    assert stale(status, LOCK, CONFIGURED, PARAMS) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"recipes/a.json": "other"}, {"train@a": ["its recipe changed"], "report": ["`build/recipes` changed"]}),
        ({"recipes/new.json": "new"}, {"report": ["`build/recipes` changed"]}),
        ({"data.json": "other"}, {"download": ["`build/data.json` changed"]}),
        ({"policies/x.json": "other"}, {"transforms@x": ["its policy changed"]}),
    ],
)
def test_what_configure_would_write_counts(files: dict[str, str], expected: dict[str, list[str]]):
    """Whatever `dvc status` says, which sees what was written last."""
    policy = stage({"build/policies/x.json": A}, {"data/transforms/x.json": "x"})
    configured = CONFIGURED | {"policies/x.json": "a"}
    assert stale({}, LOCK | {"transforms@x": policy}, configured | files, PARAMS) == expected


@pytest.mark.parametrize(
    ("name", "out", "reader", "older"),
    [
        ("train@a", "models/a", "evaluate@a", "models/a"),
        ("evaluate@b", "results/evaluation/b.json", "report", "results/evaluation"),
    ],
)
def test_a_lock_that_was_committed_halfway_is_stale_without_any_data(name: str, out: str, reader: str, older: str):
    lock = LOCK | {name: stage({dep["path"]: dep["md5"] for dep in LOCK[name]["deps"]}, {out: "new"})}
    assert stale({}, lock, CONFIGURED, PARAMS) == {reader: [f"dvc.lock has an older `{older}`"]}


def test_what_reads_a_stale_stage_follows_it():
    assert following(["train@a"], LOCK, PARAMS) == ["evaluate@a", "report"]
    assert following(["train@a", "report"], LOCK, PARAMS) == ["evaluate@a"]
    assert following(["download"], LOCK, PARAMS) == ["train@a", "train@b", "evaluate@a", "evaluate@b", "report"]
    assert following(["configure", "train@new"], LOCK, PARAMS | {"variants": {"a": {}, "b": {}, "new": {}}}) == []


def test_a_removed_champion_and_a_removed_policy_are_no_stages_any_more():
    """As DVC has it: `dvc status` is clean, though dvc.lock keeps their entries."""
    left = {
        "robustness@a": stage({"models/a": "older"}, {"results/robustness/a.json": "r"}),
        "transforms@gone": stage({"build/policies/gone.json": A}, {"data/transforms/gone.json": "x"}),
    }
    configured = CONFIGURED | {"policies/gone.json": "b"}
    assert stale({}, LOCK | left, configured, PARAMS) == {}
    assert following(["train@a"], LOCK | left, PARAMS) == ["evaluate@a", "report"]
    champion = PARAMS | {"champions": ["a"]}
    assert [*stale({}, LOCK | left, configured, champion)] == ["robustness@a"]
    landed = {"robustness@a": stage({"models/a": "wa"}, {"results/robustness/a.json": "r"})}
    assert stale({}, LOCK | landed, CONFIGURED, champion) == {}
    assert following(["train@a"], LOCK | landed, champion) == ["evaluate@a", "robustness@a", "report"]
