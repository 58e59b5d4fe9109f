"""Git: commits, branches, merges, what is shared, a new clone."""

import json
import re

from tests.random_days.day import Day, do, new_clone
from tests.random_days.health import stale
from tests.support.checkout import Checkout

BRANCHES = ("main", "one", "two")
HUNK = re.compile(r"^<{7} .*\n(?P<ours>.*?)(?:^\|{7} .*\n.*?)?^={7}\n(?P<theirs>.*?)^>{7} .*\n", re.M | re.S)
NOT_CACHED = "Checkout failed for following targets|missing cache|Some cache files do not exist"


def branch_of(here: Checkout) -> str:
    return here.run("git", "branch", "--show-current").stdout.strip()


def branches(here: Checkout) -> list[str]:
    return here.run("git", "branch", "--format=%(refname:short)").stdout.split()


def commit(day: Day) -> str:
    day.here.commit()
    return "git commit"


def share(day: Day) -> str:
    """Commit with what was pushed to the store, and push; a refusal says to pull first."""
    do(day.here, "dvc", "push", allowed="do not exist|not in cache|failed to push")
    whole = not stale(day.here)
    day.here.commit()
    branch = branch_of(day.here)
    said = do(day.here, "git", "push", "origin", branch, allowed="fetch first|non-fast-forward")
    if "rejected" in said:
        return f"dvc push, git push of {branch}: refused, pull first"
    if whole:
        day.complete.add(day.here.run("git", "rev-parse", "HEAD").stdout.strip())
    return f"dvc push, git push of {branch}{' with all results' if whole else ''}"


def pull(day: Day) -> str:
    day.here.commit()
    do(day.here, "git", "fetch", "--quiet", "origin")
    branch = branch_of(day.here)
    if not day.here.run("git", "branch", "--remotes", "--list", f"origin/{branch}").stdout:
        return ""
    return f"git pull: {_merge(day, f'origin/{branch}')}"


def merge(day: Day) -> str:
    """Another branch, of this clone or as the other shared it."""
    do(day.here, "git", "fetch", "--quiet", "origin")
    known = day.here.run("git", "for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes").stdout.split()
    own = branch_of(day.here)
    others = [ref for ref in known if not ref.endswith((f"/{own}", "/HEAD"))]
    if not others:
        return ""
    day.here.commit()
    other = day.chance.choice(others)
    return f"git merge {other}: {_merge(day, other)}"


def _merge(day: Day, other: str) -> str:
    """Merge as docs/teams.md says: where it conflicts, give up, or keep one side of what is marked."""
    said = do(day.here, "git", "merge", "--no-edit", other, allowed="CONFLICT")
    unmerged = day.here.run("git", "diff", "--name-only", "--diff-filter=U").stdout.split()
    came = "done"
    if unmerged:
        side = day.chance.choice(("ours", "theirs", "abort"))
        came = f"conflict in {', '.join(unmerged)}, {side}"
        if side == "abort":
            do(day.here, "git", "merge", "--abort")
        else:
            if side == "theirs":
                _take_their_records(day.here)
            for name in unmerged:
                _keep(day.here, name, side)
            do(day.here, "git", "commit", "--quiet", "--no-edit")
    do(day.here, "dvc", "pull", "--quiet", "--allow-missing", "--force")
    return came if unmerged or "up to date" not in said.lower() else "nothing new"


def _keep(here: Checkout, name: str, side: str) -> None:
    path = here.folder / name
    if path.exists():
        path.write_text(HUNK.sub(lambda hunk: hunk[side], path.read_text()))
    do(here, "git", "add", "--all", "--", name)


def _take_their_records(here: Checkout) -> None:
    """Put their entry of each variant that dvc.lock marks into metrics/trained_on.json."""
    path, marked = here.folder / "metrics/trained_on.json", HUNK.finditer((here.folder / "dvc.lock").read_text())
    names = {name for hunk in marked for name in re.findall(r"^  train@(.+):$", hunk[0], re.M)}
    ours = json.loads(path.read_text()) if path.exists() else {}
    theirs = json.loads(here.run("git", "show", "MERGE_HEAD:metrics/trained_on.json").stdout)
    entries = {name: entry for name, entry in ours.items() if name not in names}
    entries |= {name: entry for name, entry in theirs.items() if name in names}
    path.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n")
    do(here, "git", "add", "metrics/trained_on.json")


def switch(day: Day) -> str:
    others = [name for name in branches(day.here) if name != branch_of(day.here)]
    if not others:
        return ""
    day.here.commit()
    other = day.chance.choice(others)
    do(day.here, "git", "switch", "--quiet", other)
    do(day.here, "dvc", "checkout", allowed=NOT_CACHED)
    return f"git switch {other}, dvc checkout"


def branch(day: Day) -> str:
    free = [name for name in BRANCHES if name not in branches(day.here)]
    if not free:
        return ""
    name = day.chance.choice(free)
    do(day.here, "git", "switch", "--quiet", "--create", name)
    return f"git switch --create {name}"


def delete_branch(day: Day) -> str:
    others = [name for name in branches(day.here) if name not in (branch_of(day.here), "main")]
    if not others:
        return ""
    other = day.chance.choice(others)
    do(day.here, "git", "branch", "--quiet", "--delete", "--force", other)
    return f"git branch --delete {other}"


def clone(day: Day) -> str:
    """Go on in a fresh clone; of a commit that was pushed with all results it trains nothing."""
    shared = day.here.run("git", "ls-remote", "--heads", "origin", branch_of(day.here)).stdout
    folder = day.folder / f"clone {day.number()}"
    here = new_clone(day.origin, folder, day.here.mnist, branch_of(day.here) if shared else "main")
    day.replace(here)
    if here.run("git", "rev-parse", "HEAD").stdout.strip() not in day.complete:
        return "git clone"
    ran = here.repro()
    assert not [stage for stage in ran if stage.startswith(("train", "evaluate"))], ran
    assert not stale(here)
    assert here.git_status() == "", here.git_status()
    return f"git clone of {branch_of(here)} with all results: ran {', '.join(ran)}"
