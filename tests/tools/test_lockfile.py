"""dvc.lock as text: its order, results of workers, and what must not get lost."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from mnist_study.core.errors import UserError
from mnist_study.tools import lockfile
from mnist_study.tools.lockfile import HEAD, merge, ordered
from tests.support import ROOT


def test_entries_of_another_lock_replace_those_of_the_same_name(tmp_path: Path):
    path = tmp_path / "dvc.lock"
    path.write_text(lock("ab"))
    merge(path, lock("bc").replace("cmd: b", "cmd: new"))
    assert path.read_text() == lock("abc").replace("cmd: b", "cmd: new")


def lock(names: Sequence[str]) -> str:
    return HEAD + "".join(f"  {name}:\n    cmd: {name}\n    outs:\n    - path: x\n" for name in names)


def test_new_entries_of_the_lock_get_the_order_of_repro_and_old_ones_stay():
    old = ["train@c", "report", "configure"]
    new = ["transforms@x", "train@b", "evaluate@b", "train@a", "evaluate@c", "evaluate@a"]
    expected = ["transforms@x", "train@a", "train@b", "evaluate@a", "evaluate@b", "evaluate@c"]
    assert ordered(lock(old + new), lock(old), ["a", "b", "c"]) == lock(old + expected)
    assert ordered(lock([*new, "report"]), "", ["a", "b", "c"]) == lock([*expected, "report"])


def test_the_champions_of_an_earlier_run_come_behind_all_evaluations():
    """As in a second `make study` before a commit."""
    first = ["train@a", "train@b", "evaluate@a", "evaluate@b", "robustness@b", "robustness@a", "report"]
    expected = ["train@a", "train@b", "train@c", "evaluate@a", "evaluate@b", "evaluate@c", *first[-3:]]
    assert ordered(lock([*first, "train@c", "evaluate@c"]), "", ["a", "b", "c"]) == lock(expected)


@pytest.mark.parametrize("text", ["", lock("ba") + "datasets: []\n", "# mine\n" + lock("ba")])
def test_a_lock_with_anything_else_in_it_stays_as_it_is(text: str):
    assert ordered(text, "", ["a", "b"]) == text


EXTRA = "datasets:\n- name: a\n  type: dvc\n"


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (lock("a") + EXTRA, lock("b")),
        (lock("a").removesuffix("\n"), lock("b")),
        (lock("aa"), lock("b")),
        ("", lock("b")),
        (f"<<<<<<< ours\n{lock('a')}", lock("b")),
        (lock("a"), lock("b") + EXTRA),
        (lock("a"), lock("bc").removesuffix("\n")),
        (lock("a"), ""),
    ],
)
def test_what_a_merge_would_lose_ends_it_and_stays(here: str, there: str, tmp_path: Path):
    path = tmp_path / "dvc.lock"
    path.write_text(here)
    with pytest.raises(UserError, match=r"dvc\.lock: damaged, or holds more than stages; `make doctor` says what"):
        merge(path, there)
    assert path.read_text() == here


def test_the_first_result_of_a_worker_makes_the_file(tmp_path: Path):
    merge(tmp_path / "dvc.lock", lock("a"))
    assert (tmp_path / "dvc.lock").read_text() == lock("a")


def test_the_projects_own_lock_is_read_whole():
    text = (ROOT / "dvc.lock").read_text()
    stages = yaml.safe_load(text)["stages"]
    assert {*lockfile.read(ROOT / "dvc.lock")} == {*stages}
    outs = {name: [(out["path"], out["md5"]) for out in stage["outs"]] for name, stage in stages.items()}
    assert lockfile.outs(text) == outs
