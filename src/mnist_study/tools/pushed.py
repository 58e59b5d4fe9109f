"""What was not pushed: objects that dvc.lock names, and neither the store in git nor the default remote has.

Whoever clones would train them again. As a command (a hook before `git push`) it lists the stages, and fails.
"""

import json
import sys
from pathlib import Path

from mnist_study.core.errors import UserError
from mnist_study.running.console import plain_errors
from mnist_study.tools import dvc, git, lockfile
from mnist_study.tools.doctor.objects import CACHE, MD5, STORE

LOCK = Path("dvc.lock")
BUNDLED = "bundled"
UNSHARED = ("download", "report")  # MNIST is never pushed, and git has the report
CURE = "`dvc push`, then `git add .dvc/store` and commit"


def unpushed() -> dict[str, str]:
    """Give the stages whose outs a clone could not restore, each with the author of its entry in dvc.lock.

    Raises UserError where the default remote does not answer.
    """
    text = LOCK.read_text(errors="replace") if LOCK.exists() else ""
    wanted = {
        stage: {each for _, md5 in outs for each in _objects(md5)}
        for stage, outs in lockfile.outs(text).items()
        if stage not in UNSHARED
    }
    missing = {md5 for objects in wanted.values() for md5 in objects} - in_git()
    if missing and (remote := dvc.default_remote()) not in ("", BUNDLED):
        missing -= dvc.held(remote, missing)
    return {stage: _author(objects & missing) for stage, objects in wanted.items() if objects & missing}


def in_git() -> set[str]:
    """Give the MD5 of each object that git has in the bundled store, or will have with the next commit."""
    folder = (STORE / MD5).as_posix()
    listed = git.answer("ls-files", "-z", "--", folder).split("\0")
    return {"".join(Path(name).parts[-2:]) for name in listed if name}


def _objects(md5: str) -> list[str]:
    """Give an object and, if it is a folder's, those that it lists; the list may be nowhere here."""
    for root in (CACHE, STORE):
        path = root / MD5 / md5[:2] / md5[2:]
        if md5.endswith(".dir") and path.exists():
            return [md5, *(entry["md5"] for entry in json.loads(path.read_text()))]
    return [md5]


def _author(objects: set[str]) -> str:
    """Name who committed the first of these to dvc.lock; an empty text where nobody has yet."""
    return git.answer("log", "-1", "--format=%an", f"-S{min(objects)}", "--", str(LOCK)).strip()


def main() -> None:
    """Fail with a line for each stage that was not pushed."""
    if found := unpushed():
        for stage, author in found.items():
            print(f"{stage}{f', by {author}' if author else ''}", file=sys.stderr)
        raise UserError(f"results of {len(found)} stages are not pushed: {CURE}")


if __name__ == "__main__":
    with plain_errors():
        main()
