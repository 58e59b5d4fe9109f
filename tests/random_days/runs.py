"""What a user runs: the pipeline, whole or killed; what tells and what tidies."""

import json
import os
import re
import signal
import subprocess
import time

from mnist_study.tools import lockfile
from tests.faults.test_kills import REPRO, quiet, start
from tests.pipeline.test_parallel import STUDY
from tests.random_days.day import Day, do
from tests.random_days.edits import set_rate, variants
from tests.random_days.health import DOCTOR, stale
from tests.support import COMMAND
from tests.support.checkout import Checkout

MADE_HERE = ("train@", "evaluate@")
KILLED = {"dvc repro": REPRO, "mnist-study study": STUDY}


def repro(day: Day) -> str:
    ran = re.findall(r"Running stage '([^']+)'", do(day.here, "dvc", "repro"))
    if left := stale(day.here):
        raise AssertionError(f"stale after dvc repro: {left}")
    return f"dvc repro: ran {', '.join(ran) or 'nothing'}"


def make_repro(day: Day) -> str:
    """The whole of README's first command."""
    do(day.here, "make", "--silent", "--assume-old", ".venv/installed", "repro")
    if left := stale(day.here):
        raise AssertionError(f"stale after make repro: {left}")
    return "make repro"


def study(day: Day) -> str:
    do(day.here, *STUDY)
    if left := stale(day.here):
        raise AssertionError(f"stale after mnist-study study: {left}")
    return "mnist-study study"


def plan(day: Day) -> str:
    """Where `dvc status` has no changes, nothing would run; the other way round data may have to be restored."""
    planned = do(day.here, *COMMAND, "plan")
    if not stale(day.here) and "Nothing would run" not in planned:
        raise AssertionError(f"mnist-study plan says {planned}, dvc status has no changes")
    return "mnist-study plan"


def kill(day: Day) -> str:
    """End what runs at any moment, and wait until all of it is gone."""
    edited = set_rate(day) if day.chance.random() < 0.7 else "no edit"
    name, after = day.chance.choice(list(KILLED)), 2 ** day.chance.uniform(0, 6)
    number, to_all = day.chance.choice(((signal.SIGKILL, True), (signal.SIGKILL, False), (signal.SIGINT, True)))
    process = start(day.here, KILLED[name])
    try:
        process.wait(after)
        return f"{edited}; {name} ended before it was to be killed"
    except subprocess.TimeoutExpired:
        (os.killpg if to_all else os.kill)(process.pid, number)
    process.wait(timeout=120)
    quiet(day.here)
    time.sleep(0.5)
    return f"{edited}; {name}, {number.name}{' to all' if to_all else ''} after {after:.1f} s"


def doctor(day: Day) -> str:
    said = do(day.here, *DOCTOR, allowed="^WRONG|neither cache nor store")
    return "make doctor: " + ("; ".join(re.findall(r"^(?:WRONG|note ) ([^;]*)", said, re.M)) or "all well")


def collect_garbage(day: Day) -> str:
    do(day.here, "dvc", "gc", "--workspace", "--force")
    return "dvc gc --workspace"


def tidy(day: Day) -> str:
    """Nothing goes that a branch needs."""
    before = needed(day.here)
    do(day.here, *COMMAND, "tidy", "--delete")
    if lost := before - needed(day.here):
        raise AssertionError(f"mnist-study tidy deleted what branches need: {lost}")
    return "mnist-study tidy --delete"


def needed(here: Checkout) -> set[str]:
    """The objects in cache and store that results of variants need, in any branch, here or fetched, or here."""
    refs = here.run("git", "for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes").stdout.split()
    locks = [here.run("git", "show", f"{ref}:dvc.lock", check=False).stdout for ref in refs]
    found = {
        md5 for lock in locks for stage, outs in lockfile.outs(lock).items() for _, md5 in _if_living(here, stage, outs)
    }
    paths = {root: here.folder / root / "files/md5" for root in (".dvc/cache", ".dvc/store")}
    objects = set()
    for root, path in paths.items():
        for md5 in found:
            file = path / md5[:2] / md5[2:]
            if file.exists():
                objects.add(f"{root} {md5}")
                if md5.endswith(".dir"):
                    listed = [entry["md5"] for entry in json.loads(file.read_text())]
                    objects |= {f"{root} {each}" for each in listed if (path / each[:2] / each[2:]).exists()}
    return objects


def _if_living(here: Checkout, stage: str, outs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return outs if stage.startswith(MADE_HERE) and stage.partition("@")[2] in variants(here) else []
