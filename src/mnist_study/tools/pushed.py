"""What was not pushed: objects that dvc.lock names, and neither the store in git nor the default remote has.

Whoever clones would train them again. As a command (a hook before `git push`) it lists the stages, and fails.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path

from mnist_study.core.errors import UserError
from mnist_study.running.console import plain_errors
from mnist_study.tools import dvc, git, lockfile, named
from mnist_study.tools.doctor.objects import BUNDLED, CACHE, MD5, STORE, UNSHARED

LOCK = Path("dvc.lock")
CURE = "`dvc push`, then `git add .dvc/store` and commit"


def unpushed(*, committed: bool = False) -> dict[str, str]:
    """Give the stages whose outs a clone could not restore, each with who committed the first such out to dvc.lock.

    `committed`: as the last commit has dvc.lock and the store, not as they will be with the next. Raises UserError
    where the default remote does not answer, and where params.yaml cannot be read.
    """
    written = LOCK.read_text(errors="replace") if LOCK.exists() else ""
    stages = lockfile.outs(lockfile.committed(LOCK) if committed else written)
    params = named.read(Path())
    wanted = {
        stage: {md5: _objects(md5) for _, md5 in outs}
        for stage, outs in stages.items()
        if stage not in UNSHARED and named.names(params, stage)
    }
    missing = {each for outs in wanted.values() for objects in outs.values() for each in objects}
    missing -= in_git(committed=committed)
    if missing and (remote := dvc.default_remote()) not in ("", BUNDLED):
        missing -= dvc.held(remote, missing)
    lost = {stage: [md5 for md5, objects in outs.items() if missing & {*objects}] for stage, outs in wanted.items()}
    return {stage: _author(outs[0]) for stage, outs in lost.items() if outs}


def in_git(*, committed: bool) -> set[str]:
    """Give the MD5 of each object that git has in the bundled store, or will have with the next commit."""
    command = ("ls-tree", "-r", "--name-only", "-z", "HEAD") if committed else ("ls-files", "-z")
    listed = git.answer(*command, "--", (STORE / MD5).as_posix()).split("\0")
    return {"".join(Path(name).parts[-2:]) for name in listed if name}


def _objects(md5: str) -> list[str]:
    """Give an object and, if it is a folder's, those that it lists; the list may be nowhere here."""
    for root in (CACHE, STORE):
        path = root / MD5 / md5[:2] / md5[2:]
        if md5.endswith(".dir") and path.exists():
            with suppress(ValueError, KeyError, TypeError):  # damaged, which the doctor tells
                return [md5, *(entry["md5"] for entry in json.loads(path.read_text()))]
    return [md5]


def _author(md5: str) -> str:
    """Name who committed this out to dvc.lock; an empty text where nobody has yet."""
    return git.answer("log", "-1", "--format=%an", f"-S{md5}", "--", str(LOCK)).strip()


def main() -> None:
    """Fail with a line for each stage that was not pushed."""
    if found := unpushed(committed=True):
        for stage, author in found.items():
            print(f"{stage}{f', by {author}' if author else ''}", file=sys.stderr)
        raise UserError(f"results of {len(found)} stages are not pushed: {CURE}")


if __name__ == "__main__":
    with plain_errors():
        main()
