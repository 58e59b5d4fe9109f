"""Which stages dvc.lock is behind on, from made-up answers of `dvc status` and made-up locks."""

from typing import Any

import pytest

from mnist_study.tools.review.stale import following, stale


def stage(deps: dict[str, str], outs: dict[str, str]) -> dict[str, Any]:
    return {
        "deps": [{"path": path, "md5": md5} for path, md5 in deps.items()],
        "outs": [{"path": path, "md5": md5} for path, md5 in outs.items()],
    }


# The report's MD5 of the folder is what DVC 3.67.1 gave for these two files.
LOCK = {
    "configure": stage({"src/params.py": "p"}, {"build/recipes": "r.dir", "build/plan.json": "s"}),
    "download": stage({"build/data.json": "d"}, {"data/mnist": "m.dir"}),
    "train@a": stage({"src/training.py": "t", "build/recipes/a.json": "ra", "data/mnist": "m.dir"}, {"models/a": "wa"}),
    "train@b": stage({"src/training.py": "t", "build/recipes/b.json": "rb", "data/mnist": "m.dir"}, {"models/b": "wb"}),
    "evaluate@a": stage({"models/a": "wa"}, {"results/evaluation/a.json": "0cc175b9c0f1b6a831c399e269772661"}),
    "evaluate@b": stage({"models/b": "wb"}, {"results/evaluation/b.json": "92eb5ffee6ae2fec3ad71c777531578f"}),
    "report": stage(
        {"build/plan.json": "s", "results/evaluation": "473a9ee7c2b218273ff026ae7693272e.dir"},
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
        # Another branch's data lies in the working tree.
        (changed(evaluate_at_a=[{"changed deps": {"models/a": "modified"}}]), {}),
        (
            changed(train_at_a=[{"changed deps": {"src/training.py": "modified", "data/mnist": "deleted"}}]),
            {"train@a": ["`src/training.py` changed"]},
        ),
        (
            changed(train_at_a=[{"changed deps": {"build/recipes/a.json": "modified"}}]),
            {"train@a": ["its recipe changed"]},
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
    assert stale(status, LOCK, ["a", "b"]) == expected


@pytest.mark.parametrize(
    ("name", "out", "reader", "older"),
    [
        ("train@a", "models/a", "evaluate@a", "models/a"),
        ("evaluate@b", "results/evaluation/b.json", "report", "results/evaluation"),
    ],
)
def test_a_lock_that_was_committed_halfway_is_stale_without_any_data(name: str, out: str, reader: str, older: str):
    lock = LOCK | {name: stage({dep["path"]: dep["md5"] for dep in LOCK[name]["deps"]}, {out: "new"})}
    assert stale({}, lock, ["a", "b"]) == {reader: [f"dvc.lock has an older `{older}`"]}


def test_what_reads_a_stale_stage_follows_it():
    assert following(["train@a"], LOCK, ["a", "b"]) == ["evaluate@a", "report"]
    assert following(["train@a", "report"], LOCK, ["a", "b"]) == ["evaluate@a"]
    assert following(["download"], LOCK, ["a", "b"]) == ["train@a", "train@b", "evaluate@a", "evaluate@b", "report"]
    assert following(["configure", "train@new"], LOCK, ["a", "b", "new"]) == []
