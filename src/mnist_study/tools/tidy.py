"""Find what nothing names any more: entries of dvc.lock, and objects in the bundled store and in DVC's cache.

`dvc gc` knows neither entries of dvc.lock nor the branches of others (refs/remotes), so objects are looked up here.
"""

import json
import re
from contextlib import suppress
from pathlib import Path

from mnist_study.core import files
from mnist_study.core.errors import UserError
from mnist_study.tools import dvc, git, lockfile
from mnist_study.tools.doctor.objects import CACHE, MD5, STORE
from mnist_study.tools.doctor.record import wanted

LOCK = Path("dvc.lock")
NAMED = re.compile(r"\bmd5: ([0-9a-f]{32}(?:\.dir)?)$", re.M)


def tidy(*, delete: bool) -> None:
    """Print what no variant, branch, tag, stash or experiment names; delete it only where told to.

    Raises UserError where dvc.lock is damaged, or DVC runs: what that makes is not named yet.
    """
    if pids := dvc.running(Path()):
        raise UserError(f"DVC runs here (process {pids[0]}); run this again when that has ended")
    entries = lockfile.read(LOCK)
    gone = [name for name in entries if not wanted(Path(), name)]
    text = lockfile.HEAD + "".join(entry for name, entry in entries.items() if name not in gone)
    kept = named(text) | in_git()
    unused = {root: [path for path in _objects(root) if _md5(path) not in kept] for root in (STORE, CACHE)}
    print(f"{LOCK}: {len(gone)} entries that params.yaml does not name{': ' if gone else ''}{', '.join(gone)}")
    for root, paths in unused.items():
        size = sum(path.stat().st_size for path in paths) / 1e6
        print(f"{root}: {len(paths)} objects that nothing names, {size:.1f} MB")
    if not gone and not any(unused.values()):
        return
    if not delete:
        print("Nothing was deleted; `mnist-study tidy --delete` deletes this.")
        return
    if gone:
        files.write(LOCK, text.encode())
    for path in (path for paths in unused.values() for path in paths):
        path.unlink()
    print(f"Deleted. Commit dvc.lock and {STORE}.")


def in_git() -> set[str]:
    """Give the MD5 of all objects that dvc.lock names in any branch, tag, stash or experiment, here or fetched."""
    commits = git.run("rev-list", "--no-walk", "--all", "HEAD").split()
    commits += git.answer("log", "--walk-reflogs", "--format=%H", "refs/stash", "--").split()
    blobs = {git.answer("rev-parse", "--quiet", "--verify", f"{commit}:./{LOCK}").strip(): commit for commit in commits}
    locks = ((git.run("cat-file", "blob", blob), commit) for blob, commit in blobs.items() if blob)
    return {md5 for text, commit in locks for md5 in named(text, commit)}


def named(text: str, commit: str = "HEAD") -> set[str]:
    """Give every MD5 in the text of a dvc.lock, and those that its folders list, here or in the commit's store."""
    found = set(NAMED.findall(text))
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
