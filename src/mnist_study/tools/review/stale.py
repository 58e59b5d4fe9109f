"""Which stages dvc.lock is behind on: by params.yaml, `dvc status`, and dvc.lock itself where data is not here."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from mnist_study.tools import named
from mnist_study.tools.review.revision import outs

BUILD = "build/"  # what `configure` writes
POLICY_CHANGED = "its policy changed"
IN_GIT = ("metrics", "reports")  # outs that git keeps

Stages = dict[str, Any]


def stale(
    status: Stages, locked: Stages, configured: Mapping[str, str], params: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Give the stages that have to run, each with the reasons.

    `locked` are the stages in dvc.lock, which keeps those that `params`, the content of params.yaml, no longer names.
    Data that is in neither working tree nor cache is no reason: it counts as dvc.lock has it. `configured` has the
    texts that `configure` would write, by their paths in build/; what lies there does not count.
    """
    living = alive(locked, params)
    written = {path: md5 for path, md5 in outs(living) if not path.startswith(BUILD)}
    written |= {BUILD + name: _md5(text) for name, text in configured.items()}
    reasons: dict[str, list[str]] = {}
    for stage, entries in status.items():
        if stage not in living:
            reasons[stage] = ["has not run"]
        elif found := [*_differences(entries, written)]:
            reasons[stage] = found
    for stage, lock in living.items():
        old = [_words(stage, path) for path in _older(lock, written)]
        if old:
            reasons.setdefault(stage, []).extend(old)
    return reasons


def following(reasons: Collection[str], locked: Stages, params: Mapping[str, Any]) -> list[str]:
    """Name the other stages that read what these write, and so on. What `configure` writes is known already."""
    living = alive(locked, params)
    changed = {stage for stage in reasons if stage != "configure"}
    found: list[str] = []
    while True:
        new = {path for path, _ in outs({stage: living[stage] for stage in changed if stage in living})}
        more = [
            stage
            for stage, lock in living.items()
            if stage not in changed and any(_overlap(dep["path"], path) for dep in lock["deps"] for path in new)
        ]
        if not more:
            return [stage for stage in found if stage not in reasons]
        found += more
        changed |= set(more)


def alive(locked: Stages, params: Mapping[str, Any]) -> Stages:
    """Leave out the stages that params.yaml does not name."""
    return {stage: lock for stage, lock in locked.items() if named.names(params, stage)}


def _differences(entries: list[Any], written: dict[str, str]) -> Iterator[str]:
    """Word what `dvc status` says of a stage, less what is about data that stages write."""
    for entry in entries:
        if isinstance(entry, str):
            yield entry
            continue
        for path, how in entry.get("changed deps", {}).items():
            if not any(_overlap(path, out) for out in written):
                yield f"`{path}` {'is gone' if how == 'deleted' else 'changed'}"
        for path in entry.get("changed outs", {}):
            if path.startswith(IN_GIT):
                yield f"`{path}` is not what it wrote"


def _older(lock: Stages, written: dict[str, str]) -> Iterator[str]:
    """Name the deps whose MD5 in this stage's entry differs from that in the entry of the stage that writes them."""
    for dep in lock["deps"]:
        path, md5 = dep["path"], dep["md5"]
        inside = {name.removeprefix(f"{path}/"): each for name, each in written.items() if name.startswith(f"{path}/")}
        if md5 != written.get(path, _of_folder(inside) if inside else md5):
            yield path


def _words(stage: str, path: str) -> str:
    name = stage.partition("@")[2]
    own = {f"{BUILD}recipes/{name}.json": "its recipe changed", f"{BUILD}policies/{name}.json": POLICY_CHANGED}
    if path.startswith(BUILD):
        return own.get(path, f"`{path}` changed")
    return f"dvc.lock has an older `{path}`"


def _of_folder(files: dict[str, str]) -> str:
    """Give the MD5 that DVC gives a folder of these files."""
    entries = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]
    return f"{_md5(json.dumps(entries))}.dir"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")
