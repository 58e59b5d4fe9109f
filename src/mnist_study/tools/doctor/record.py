"""params.yaml and dvc.lock: merged, dvc.lock also whole, and with all that the last commit's has."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from mnist_study.core.errors import UserError
from mnist_study.tools import git, lockfile, named
from mnist_study.tools.doctor.finding import Finding

MERGE = (
    "keep one side of each marked stage, or none, then it runs again; "
    "`git add dvc.lock`, `dvc pull --allow-missing --force`, `dvc repro`"
)
DECIDE = "decide on each and delete the marks, then `git add params.yaml`"
AGAIN = "`git merge --abort` (or rebase, cherry-pick); `make setup` registers the merge driver; then merge again"
MARK = re.compile(r"^<{7} ", re.M)
STAGE = r"(?:  (\S.*):\n(?:   .*\n)+)?"
CONFLICT = re.compile(rf"^<{{7}} ours\n{STAGE}={{7}}\n{STAGE}>{{7}} theirs\n", re.M)  # as the merge driver writes it
RESTORE = "`git checkout -- dvc.lock` restores the last commit's, then `dvc repro`"


def require_whole(top: Path) -> None:
    """Raise UserError with what has to be mended before DVC can read params.yaml and dvc.lock."""
    found = [finding for check_ in (check_params, check) for finding in check_(top) if finding.needs_a_hand]
    if found:
        raise UserError("\n".join(f"{finding.what}; {finding.cure}" for finding in found))


def check_params(top: Path) -> Iterator[Finding]:
    """Tell a params.yaml in which git marked conflicts; all else `configure` tells."""
    path = top / named.PARAMS
    if path.exists() and (marks := MARK.findall(path.read_text(errors="replace"))):
        yield Finding(f"{path.name} is not merged: conflicts that are marked: {len(marks)}", DECIDE)


def check(top: Path) -> Iterator[Finding]:
    """Tell a file that is missing, cut short or no YAML; stages that got lost."""
    path = top / "dvc.lock"
    committed = lockfile.committed(path)
    if not path.exists():
        if committed:
            yield Finding("dvc.lock is missing", RESTORE)
        return
    text = path.read_text(errors="replace")
    unmerged = bool(git.answer("ls-files", "--unmerged", "--", path.name, folder=top))
    if marks := MARK.findall(text):
        stages = [one or other for one, other in CONFLICT.findall(text) if not (one and other) or one == other]
        if len(stages) == len(marks):
            yield Finding(f"dvc.lock is not merged: both sides changed {', '.join(stages)}", MERGE)
        else:  # to keep one side of these would lose stages of the other
            yield Finding("dvc.lock is not merged: git marked lines, not stages", AGAIN)
        return
    if unmerged:
        yield Finding("dvc.lock counts as not merged", "`git add dvc.lock` once it is as it should be")
    if problem := _problem(text):
        yield Finding(f"dvc.lock is damaged ({problem})", RESTORE)
        return
    kept = lockfile.entries(text)
    lost = [name for name in wanted(top, lockfile.entries(committed)) if name not in kept]
    if lost:
        yield Finding(f"dvc.lock lacks {len(lost)} stages of the last commit's, such as {lost[0]}", RESTORE)


def _problem(text: str) -> str:
    if not text.startswith(lockfile.HEAD):
        return "its beginning is not DVC's"
    if not text.endswith("\n"):
        return "it ends within a line"
    if not text.splitlines()[-1].strip().startswith(("size: ", "nfiles: ")):
        return "it ends within a stage"
    try:
        from ruamel.yaml import YAML
    except ImportError:
        return ""  # told as a missing package
    try:
        YAML(typ="safe").load(text)
    except Exception as error:  # of whatever kind
        return f"not YAML: {str(error).splitlines()[0]}"
    return ""


def wanted(top: Path, stages: Iterable[str]) -> list[str]:
    """Give those that params.yaml names; none where it cannot be read, which is told elsewhere."""
    try:
        params = named.read(top)
    except UserError:
        return []
    return [stage for stage in stages if named.names(params, stage)]
