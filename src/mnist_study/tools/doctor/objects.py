"""DVC's objects, in its cache and in the bundled store: each is to have the MD5 that it is called by."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mnist_study.tools import dvc, git, lockfile
from mnist_study.tools.doctor import record
from mnist_study.tools.doctor.finding import Finding

CACHE, STORE = Path(".dvc/cache"), Path(".dvc/store")
BUNDLED = "bundled"  # the remote that is the store
MD5 = Path("files/md5")
UNSHARED = ("download", "report")  # stages: MNIST is never pushed, and git has the report
RESTORE = "`dvc pull --allow-missing --force`, `dvc checkout --allow-missing --force --relink` and `dvc repro`"
SHOWN = 5  # findings of one kind; the others are counted


def check_store(top: Path) -> Iterator[Finding]:
    """Tell a store that is gone, and objects in it that are damaged; git has them all. A new copy has no store yet."""
    if not (top / STORE / MD5).is_dir() and git.answer("ls-files", "--", str(STORE), folder=top):
        yield Finding(f"{STORE} is missing", f"`git checkout -- {STORE}`, then `dvc pull --allow-missing --force`")
        return
    for path in _damaged(top / STORE):
        name = path.relative_to(top)
        yield Finding(f"{name} is damaged", f"`git checkout -- {name}`, then `dvc pull --allow-missing --force`")


def check_cache(top: Path) -> Iterator[Finding]:
    """Tell objects that are damaged; DVC trusts those and hands them out."""
    for path in _damaged(top / CACHE):
        name = path.relative_to(top)
        yield Finding(f"{name} is damaged", f"`rm -f {name}`, then {RESTORE}")


def check_restorable(top: Path) -> Iterator[Finding]:
    """Tell the outs in dvc.lock that the cache does not hold: DVC makes them again, even where the store holds them.

    Entries of variants that are gone count for nothing, since no run makes theirs.
    """
    lock = top / "dvc.lock"
    stages = lockfile.outs(lock.read_text(errors="replace")) if lock.exists() else {}
    kept = [stage for stage in record.wanted(top, stages) if stage not in UNSHARED]

    def missing(*roots: Path) -> list[str]:
        return [stage for stage in kept if not all(_held(top, md5, roots) for _, md5 in stages[stage])]

    lost = missing(CACHE, STORE)
    stored = [stage for stage in missing(CACHE) if stage not in lost]
    if stored and not dvc.cache_folder():
        cure = (
            "`dvc pull --allow-missing --force`, then `dvc repro`, which alone would train again what it does not find"
        )
        yield Finding(f"only the store has what these stages made: {shown(stored)}", cure, needs_a_hand=False)
    if lost:
        cure = f"`git checkout -- {STORE}` where they were committed; else their author must run `dvc push` and commit"
        cure += f" {STORE}, or `dvc repro` makes them again"
        yield Finding(f"neither cache nor store has what these stages made: {shown(lost)}", cure)


def warn(top: Path) -> Iterator[Finding]:
    """Tell what a run makes again since nobody pushed it; of another remote or cache DVC alone knows what it has."""
    for finding in check_restorable(top):
        if finding.needs_a_hand and dvc.default_remote() in ("", BUNDLED) and not dvc.cache_folder():
            yield replace(finding, needs_a_hand=False)


def shown(stages: list[str]) -> str:
    """Name the first stages, and say how many more there are."""
    return ", ".join(stages[:SHOWN]) + (f" and {len(stages) - SHOWN} more" if len(stages) > SHOWN else "")


def _damaged(folder: Path) -> Iterator[Path]:
    for path in sorted((folder / MD5).glob("??/*")):
        if len(path.stem) == 30 and path.is_file() and _md5(path) != path.parent.name + path.stem:
            yield path


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _held(top: Path, md5: str, roots: Sequence[Path]) -> bool:
    """Tell whether the object, and all that it lists if it is a folder's, is in one of these."""
    for root in roots:
        path = top / root / MD5 / md5[:2] / md5[2:]
        if path.exists():
            if not md5.endswith(".dir"):
                return True
            try:
                return all(_held(top, entry["md5"], roots) for entry in json.loads(path.read_text()))
            except (ValueError, KeyError, TypeError):
                return False  # told as damaged
    return False
