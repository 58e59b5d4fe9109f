"""Merges by real git with the driver: of dvc.lock by stage, of JSON by key, of text where both sides add."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.tools import merge_driver
from mnist_study.tools.doctor import record
from mnist_study.tools.lockfile import HEAD, entries
from tests.support import ROOT

PAGE = (ROOT / "docs/teams.md").read_text()
DRIVER = f"'{sys.executable}' '{merge_driver.__file__}' --name %P --ours configure %O %A %B"
ENTRY = """\
  {name}:
    cmd: python -m stages.{name}
    deps:
    - path: build/{name}.json
      hash: md5
      md5: {md5}
      size: 9
"""


def lock(**stages: str) -> str:
    """A dvc.lock with these stages; `_` stands for @."""
    return HEAD + "".join(ENTRY.format(name=name.replace("_", "@"), md5=value * 32) for name, value in stages.items())


START = {"configure": "0", "train_a": "1", "train_b": "2", "report": "0"}


@dataclass(frozen=True)
class Repository:
    folder: Path

    def git(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        who = ["-c", "user.name=test", "-c", "user.email=test"]
        done = subprocess.run(["git", *who, *arguments], cwd=self.folder, capture_output=True, text=True)
        assert not check or not done.returncode, done.stdout + done.stderr
        return done

    def commit(self, branch: str, files: dict[str, str], start: str = "main") -> None:
        self.git("switch", "--quiet", "--create", branch, start)
        self.save(files)

    def save(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.folder / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "state")

    def stages(self) -> dict[str, str]:
        return entries((self.folder / "dvc.lock").read_text())


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    made.git("init", "--quiet", "--initial-branch", "main")
    made.git("config", "merge.dvc.driver", DRIVER)
    (tmp_path / ".gitattributes").write_text("dvc.lock merge=dvc\nparams.yaml merge=dvc\n*.json merge=dvc\n")
    made.save({"dvc.lock": lock(**START)})
    return made


def merge(made: Repository) -> subprocess.CompletedProcess[str]:
    return made.git("merge", "--quiet", "--no-edit", "theirs", check=False)


def rebase(made: Repository) -> subprocess.CompletedProcess[str]:
    return made.git("rebase", "--quiet", "theirs", check=False)


def pick(made: Repository) -> subprocess.CompletedProcess[str]:
    return made.git("cherry-pick", "theirs", check=False)


@pytest.mark.parametrize("how", [merge, rebase, pick])
def test_each_side_adds_changes_and_removes_stages_of_its_own(
    repository: Repository, how: Callable[[Repository], subprocess.CompletedProcess[str]]
):
    repository.commit("theirs", {"dvc.lock": lock(**START | {"configure": "5", "train_b": "6", "train_new": "7"})})
    ours = START | {"configure": "3", "train_mine": "4"}
    del ours["train_a"]
    repository.commit("ours", {"dvc.lock": lock(**ours)})
    done = how(repository)
    assert not done.returncode, done.stderr
    # Configure, of both sides, is the side's that git calls ours: for a rebase the other branch's.
    expected = lock(configure="5" if how is rebase else "3", train_b="6", report="0", train_new="7", train_mine="4")
    assert repository.stages() == entries(expected)
    assert (repository.folder / "dvc.lock").read_text().startswith(HEAD)


def test_what_both_sides_changed_alike_or_not_at_all_is_no_conflict(repository: Repository):
    repository.commit("theirs", {"dvc.lock": lock(**START | {"train_a": "8"})})
    repository.commit("ours", {"dvc.lock": lock(**START | {"train_a": "8", "report": "9"})})
    assert not merge(repository).returncode
    assert (repository.folder / "dvc.lock").read_text() == lock(**START | {"train_a": "8", "report": "9"})


def test_a_stage_that_both_sides_changed_is_a_conflict_and_the_others_are_merged(repository: Repository):
    repository.commit("theirs", {"dvc.lock": lock(**START | {"train_a": "8", "train_new": "7"})})
    repository.commit("ours", {"dvc.lock": lock(**START | {"train_a": "9"})})
    done = merge(repository)
    assert done.returncode
    assert "dvc.lock: both sides changed train@a" in done.stderr
    text = (repository.folder / "dvc.lock").read_text()
    assert text.count("<<<<<<< ours\n  train@a:\n") == text.count(">>>>>>> theirs\n") == 1
    assert "train@new" in text
    (finding,) = record.check(repository.folder)
    assert "dvc.lock is not merged: both sides changed train@a" in str(finding)
    # As the doctor says: one side of it, then `git add`.
    ours, theirs = (ENTRY.format(name="train@a", md5=value * 32) for value in "98")
    merged = text.replace(f"<<<<<<< ours\n{ours}=======\n{theirs}>>>>>>> theirs\n", theirs)
    (repository.folder / "dvc.lock").write_text(merged)
    (finding,) = record.check(repository.folder)
    assert "counts as not merged" in str(finding)
    repository.git("add", "dvc.lock")
    assert list(record.check(repository.folder)) == []
    assert repository.stages() == entries(lock(**START | {"train_a": "8", "train_new": "7"}))


def test_without_the_driver_both_sides_additions_are_not_taken_for_one_stage(repository: Repository):
    """Git marks lines: to keep one side, as for a stage that both changed, would lose the other side's stage."""
    repository.git("config", "--unset", "merge.dvc.driver")
    for side in ("theirs", "ours"):
        repository.commit(side, {"dvc.lock": lock(**START | {f"train_{side}": "4"})})
    assert merge(repository).returncode
    text = (repository.folder / "dvc.lock").read_text()
    assert "<<<<<<< HEAD\n  train@ours:\n" in text
    (finding,) = record.check(repository.folder)
    assert str(finding).startswith("WRONG dvc.lock is not merged: git marked lines, not stages; `git merge --abort`")
    (repository.folder / "dvc.lock").write_text(text.replace("<<<<<<< HEAD", "<<<<<<< ours"))  # as git at other times
    (finding,) = record.check(repository.folder)
    assert "git marked lines, not stages" in finding.what
    # As the doctor says.
    repository.git("merge", "--abort")
    repository.git("config", "merge.dvc.driver", DRIVER)
    assert not merge(repository).returncode
    assert {"train@ours", "train@theirs"} < {*repository.stages()}


def test_what_is_not_merged_is_told_before_dvc_reads_it(repository: Repository):
    repository.git("switch", "--quiet", "main")
    repository.save({"params.yaml": PARAMS})
    record.require_whole(repository.folder)
    for side, value in (("theirs", "8"), ("ours", "9")):
        changed = PARAMS.replace("b: {lr: 2}", f"b: {{lr: {value}}}")
        repository.commit(side, {"dvc.lock": lock(**START | {"train_b": value}), "params.yaml": changed})
    assert merge(repository).returncode
    with pytest.raises(UserError) as told:
        record.require_whole(repository.folder)
    params, stages = str(told.value).splitlines()
    assert params.startswith("params.yaml is not merged: conflicts that are marked: 1; decide on each")
    assert stages.startswith("dvc.lock is not merged: both sides changed train@b; keep one side of each marked stage")


@pytest.mark.parametrize("gone", ["theirs", "ours"])
def test_removed_here_and_changed_there_is_a_conflict(repository: Repository, gone: str):
    without = {name: value for name, value in START.items() if name != "train_b"}
    changed = START | {"train_b": "8"}
    repository.commit("theirs", {"dvc.lock": lock(**without if gone == "theirs" else changed)})
    repository.commit("ours", {"dvc.lock": lock(**without if gone == "ours" else changed)})
    done = merge(repository)
    assert done.returncode
    assert "both sides changed train@b" in done.stderr
    (finding,) = record.check(repository.folder)
    assert "both sides changed train@b" in str(finding)


def test_both_sides_add_the_same_stage_otherwise(repository: Repository):
    for side, value in (("theirs", "8"), ("ours", "9")):
        repository.commit(side, {"dvc.lock": lock(**START | {"train_new": value})})
    done = merge(repository)
    assert done.returncode
    assert "both sides changed train@new" in done.stderr


@pytest.mark.parametrize(
    ("how", "theirs", "go_on"),
    [
        (merge, "MERGE_HEAD", ("commit", "--no-edit")),
        (rebase, "REBASE_HEAD", ("-c", "core.editor=true", "rebase", "--continue")),
        (pick, "CHERRY_PICK_HEAD", ("-c", "core.editor=true", "cherry-pick", "--continue")),
    ],
)
def test_a_conflict_is_ended_as_the_page_says(
    repository: Repository,
    how: Callable[[Repository], subprocess.CompletedProcess[str]],
    theirs: str,
    go_on: tuple[str, ...],
):
    """docs/teams.md: of the variant that both sides changed their record is taken, all others stay."""
    assert theirs in PAGE
    assert " ".join(word for word in go_on if word not in ("-c", "core.editor=true", "--no-edit")) in PAGE
    repository.git("config", "merge.records.driver", DRIVER.replace("configure", "'*'"))
    (repository.folder / ".gitattributes").write_text("dvc.lock merge=dvc\n*.json merge=records\n")
    repository.git("switch", "--quiet", "main")
    repository.save({"trained_on.json": json_text({"a": "0"})})
    for side, value in (("theirs", "8"), ("ours", "9")):
        records = json_text({"a": value, f"only {side}": value})
        repository.commit(side, {"dvc.lock": lock(**START | {"train_a": value}), "trained_on.json": records})
    assert how(repository).returncode
    (finding,) = record.check(repository.folder)
    assert "both sides changed train@a" in finding.what
    path = repository.folder / "trained_on.json"
    other = json.loads(repository.git("show", f"{theirs}:trained_on.json").stdout)
    merged = json.loads(path.read_text())
    assert {*merged} == {"a", "only ours", "only theirs"}
    assert merged["a"] != other["a"]
    path.write_text(json_text(merged | {"a": other["a"]}))
    text = (repository.folder / "dvc.lock").read_text()
    (repository.folder / "dvc.lock").write_text(
        re.sub(r"<{7} ours\n.*?={7}\n(.*?)>{7} theirs\n", r"\1", text, flags=re.S)
    )
    repository.git("add", "dvc.lock", "trained_on.json")
    repository.git(*go_on)
    assert repository.git("status", "--porcelain").stdout == ""
    assert other["a"] * 32 in repository.stages()["train@a"]
    assert json.loads(path.read_text())["a"] == other["a"]


def test_an_octopus_merges_nothing_by_halves(repository: Repository):
    """Git's octopus knows no drivers: it refuses, and nothing is changed; one after the other works."""
    for side in ("theirs", "third", "ours"):
        repository.commit(side, {"dvc.lock": lock(**START | {f"train_{side}": "4"})})
    before = repository.stages()
    done = repository.git("merge", "--no-edit", "theirs", "third", check=False)
    if done.returncode:
        repository.git("reset", "--quiet", "--merge")
        assert repository.stages() == before
        for side in ("theirs", "third"):
            repository.git("merge", "--quiet", "--no-edit", side)
    names = {*START, "train_ours", "train_theirs", "train_third"}
    assert set(repository.stages()) == {name.replace("_", "@") for name in names}


PARAMS = "variants:\n  # the first\n  a: {lr: 1}\n  b: {lr: 2}\n"


@pytest.mark.parametrize(
    ("theirs", "ours", "merged"),
    [
        ("b: {lr: 2}\n  new: {lr: 4}", "b: {lr: 2}\n  mine: {lr: 3}", "b: {lr: 2}\n  mine: {lr: 3}\n  new: {lr: 4}"),
        ("b: {lr: 5}", "b: {lr: 2}\n  mine: {lr: 3}", "b: {lr: 5}\n  mine: {lr: 3}"),
        ("# gone", "b: {lr: 2}\n  mine: {lr: 3}", "mine: {lr: 3}\n  # gone"),
        ("b: {lr: 5}", "b: {lr: 6}", None),
        ("# gone", "b: {lr: 6}", None),
        ("new: {lr: 2}\n  c: 1", "new: {lr: 3}\n  d: 2", None),
        ("b: {lr: 5,\n    seeds: [0]}", "b: {lr: 2}\n  mine: {lr: 3}", None),
    ],
)
def test_lines_of_params_are_merged_by_key(repository: Repository, theirs: str, ours: str, merged: str | None):
    repository.git("switch", "--quiet", "main")
    repository.save({"params.yaml": PARAMS})
    for side, text in (("theirs", theirs), ("ours", ours)):
        repository.commit(side, {"params.yaml": PARAMS.replace("b: {lr: 2}", text)})
    done = merge(repository)
    text = (repository.folder / "params.yaml").read_text()
    if merged is None:
        assert done.returncode
        assert "params.yaml: conflicts that are marked: 1" in done.stderr
        assert "<<<<<<< ours\n" in text
    else:
        assert not done.returncode
        assert text == PARAMS.replace("b: {lr: 2}", merged)


@pytest.mark.parametrize("change", [("\n    deps", "\n\n    deps"), ("stages:\n", "datasets: []\nstages:\n")])
def test_a_lock_that_holds_more_than_stages_is_merged_by_lines(repository: Repository, change: tuple[str, str]):
    odd = lock(**START).replace(*change)
    repository.git("switch", "--quiet", "main")
    repository.save({"dvc.lock": odd})
    repository.commit("theirs", {"dvc.lock": odd + ENTRY.format(name="train@new", md5="7" * 32)})
    repository.commit("ours", {"dvc.lock": odd.replace("1" * 32, "9" * 32)})
    assert not merge(repository).returncode
    merged = odd.replace("1" * 32, "9" * 32) + ENTRY.format(name="train@new", md5="7" * 32)
    assert (repository.folder / "dvc.lock").read_text() == merged


def test_keys_that_open_a_block_are_not_merged_by_key(repository: Repository):
    repository.git("switch", "--quiet", "main")
    repository.save({"params.yaml": "v:\n  a:\n    lr: 1\n"})
    repository.commit("theirs", {"params.yaml": "v:\n  c:\n    lr: 1\n"})
    repository.commit("ours", {"params.yaml": "v:\n  b:\n    lr: 1\n"})
    assert merge(repository).returncode
    assert "<<<<<<< ours\n" in (repository.folder / "params.yaml").read_text()


@pytest.mark.parametrize("swapped", [False, True])
def test_keys_of_two_indentations_are_not_merged_by_key(repository: Repository, swapped: bool):
    """Our new section would come between `a` and their new key of it."""
    repository.git("switch", "--quiet", "main")
    repository.save({"params.yaml": "a:\n  p: 1\n"})
    for side, line in zip(("theirs", "ours") if swapped else ("ours", "theirs"), ("b: 2", "  q: 3"), strict=True):
        repository.commit(side, {"params.yaml": f"a:\n  p: 1\n{line}\n"})
    repository.git("switch", "--quiet", "ours")
    assert merge(repository).returncode
    assert "<<<<<<< ours\n" in (repository.folder / "params.yaml").read_text()


def json_text(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def test_json_is_merged_by_key_where_no_key_is_changed_twice():
    sides = ({"a": 1, "b": 2}, {"a": 1, "b": 3, "mine": [1]}, {"b": 2, "new": {"x": 1.5}})
    base, ours, theirs = (json_text(side) for side in sides)
    assert merge_driver.merge_json(base, ours, theirs, []) == (json_text({"b": 3, "mine": [1], "new": {"x": 1.5}}), [])
    changed = json_text({"b": 4})
    assert merge_driver.merge_json(base, ours, changed, []) is None
    assert merge_driver.merge_json(base, ours, changed, ["*"]) == (json_text({"b": 3, "mine": [1]}), [])
    assert merge_driver.merge_json(base, json_text({"a": 1}), changed, ["*"]) == (json_text({}), [])  # ours: gone


@pytest.mark.parametrize("text", ["[1]\n", '{"b": 1.50}\n', '{"b": 1}', '{\n  "b": 1,\n  "a": 2\n}\n'])
def test_json_that_would_be_written_otherwise_is_left_to_git(text: str):
    assert merge_driver.merge_json("", text, json_text({"c": 1}), []) is None
