"""Find what nothing names any more: entries of dvc.lock, and objects in the bundled store and in DVC's cache.

`dvc gc` knows neither entries of dvc.lock nor the branches of others (refs/remotes), so objects are looked up here.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mnist_study.core import files
from mnist_study.core.errors import UserError
from mnist_study.tools import dvc, git, lockfile, named
from mnist_study.tools.doctor.objects import CACHE, MD5, STORE
from mnist_study.tools.named import PARAMS

LOCK = Path("dvc.lock")
NAMED = re.compile(r"\bmd5: ([0-9a-f]{32}(?:\.dir)?)$", re.M)


def tidy(*, delete: bool) -> None:
    """Print what no variant, branch, tag, stash or experiment names; delete it only where told to.

    Raises UserError where params.yaml is missing or unreadable or dvc.lock is damaged, and where DVC runs: nothing
    names yet what it makes.
    """
    if pids := dvc.running(Path()):
        raise UserError(f"DVC runs here (process {pids[0]}); run this again when that has ended")
    if not PARAMS.exists():
        raise UserError(f"{PARAMS}: missing; `git checkout -- {PARAMS}` restores the last commit's")
    entries, params = lockfile.read(LOCK), named.read(Path())
    gone = [name for name in entries if not named.names(params, name)]
    text = current("".join(entries.values()), params)
    kept = needed(text, "HEAD") | needed_in_git()
    unused = {root: [path for path in _objects(root) if _md5(path) not in kept] for root in (STORE, CACHE)}
    print(f"{LOCK}: entries that {PARAMS} does not name: {', '.join(gone) or 'none'}")
    for root, paths in unused.items():
        size = sum(path.stat().st_size for path in paths) / 1e6
        print(f"{root}: {len(paths)} objects that nothing names, {size:.1f} MB")
    if not gone and not any(unused.values()):
        return
    if not delete:
        print("Nothing was deleted; `mnist-study tidy --delete` deletes this.")
        return
    if gone:
        files.write(LOCK, (lockfile.HEAD + text).encode())
    for path in (path for paths in unused.values() for path in paths):
        path.unlink()
    print(f"Deleted. Commit dvc.lock and {STORE}.")


def current(lock: str, params: Mapping[str, Any]) -> str:
    """Give the text of a dvc.lock without the entries that its params.yaml does not name."""
    return lockfile.ENTRY.sub(lambda found: found[0] if named.names(params, found[1]) else "", lock)


def needed_in_git() -> set[str]:
    """Give the MD5 of all objects that a branch, here or fetched, a tag, a stash or an experiment needs."""
    commits = git.run("rev-list", "--no-walk", "--all", "HEAD").split()
    commits += git.answer("log", "--walk-reflogs", "--format=%H", "refs/stash", "--").split()
    found = set()
    for commit in dict.fromkeys(commits):
        lock, params = (git.answer("show", f"{commit}:./{path}") for path in (LOCK, PARAMS))
        with suppress(UserError):  # of a params.yaml that is no YAML, all entries count
            lock = current(lock, named.parse(params)) if params else lock
        found |= needed(lock, commit)
    return found


def needed(lock: str, commit: str) -> set[str]:
    """Give every MD5 in the text of a dvc.lock, and those that its folders list, here or in the commit's store."""
    found = set(NAMED.findall(lock))
    for folder in [md5 for md5 in found if md5.endswith(".dir")]:
        name = MD5 / folder[:2] / folder[2:]
        here = [root / name for root in (CACHE, STORE) if (root / name).exists()]
        listed = here[0].read_text() if here else git.answer("show", f"{commit}:./{STORE / name}")
        with suppress(ValueError, KeyError, TypeError):  # damaged, which the doctor tells, or nowhere
            found |= {entry["md5"] for entry in json.loads(listed)}
    return found


def _objects(root: Path) -> list[Path]:
    return [path for path in sorted((root / MD5).glob("[0-9a-f][0-9a-f]/*")) if len(path.stem) == 30]


def _md5(path: Path) -> str:
    return path.parent.name + path.name
