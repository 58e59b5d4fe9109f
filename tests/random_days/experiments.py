"""DVC's experiments: in the workspace, in a copy, in the queue; what becomes of them."""

import time

from tests.pipeline.test_experiments import at_work
from tests.random_days.branches import branches
from tests.random_days.day import Day, do
from tests.random_days.edits import RATES, variants
from tests.support import COMMAND
from tests.support.checkout import Checkout


def _setting(day: Day) -> str:
    return f"++variants.{day.chance.choice(list(variants(day.here)))}.lr={day.chance.choice(RATES)}"


def names(here: Checkout) -> list[str]:
    return sorted(here.run("dvc", "exp", "list", "--name-only", "--all-commits").stdout.split())


def run(day: Day) -> str:
    name, setting = f"exp{day.number()}", _setting(day)
    do(day.here, "dvc", "exp", "run", "--name", name, "--set-param", setting)
    return f"dvc exp run --name {name} -S {setting}"


def run_aside(day: Day) -> str:
    """In a copy: the workspace stays as it is."""
    name, setting = f"exp{day.number()}", _setting(day)
    before = day.here.git_status()
    do(day.here, "dvc", "exp", "run", "--temp", "--name", name, "--set-param", setting)
    if day.here.git_status() != before:
        raise AssertionError(f"dvc exp run --temp changed the workspace: {before} became {day.here.git_status()}")
    return f"dvc exp run --temp --name {name} -S {setting}"


def queue(day: Day) -> str:
    """Queue one, start the worker, and wait for its end or kill it."""
    name, setting = f"exp{day.number()}", _setting(day)
    do(day.here, "dvc", "exp", "run", "--queue", "--name", name, "--set-param", setting)
    do(day.here, "bash", "-c", "dvc queue start > ../told 2>&1")  # no pipe: the worker would keep it open
    patience = day.chance.choice((5, 15, 600))
    end, killed = time.monotonic() + patience, False
    while at_work(day.here.folder):
        if time.monotonic() > end:
            do(day.here, "dvc", "queue", "stop", "--kill")
            end, killed = time.monotonic() + 60, True
        time.sleep(1)
    told = do(day.here, "dvc", "queue", "status")
    do(day.here, "dvc", "queue", "remove", "--all", allowed="No tasks")
    if not killed and "Success" not in told:
        raise AssertionError(f"the queue ended, and {name} is no success:\n{told}")
    return f"queue {name} -S {setting}{': killed' if killed else ''}"


def apply(day: Day) -> str:
    if not (found := names(day.here)):
        return ""
    name = day.chance.choice(found)
    day.here.commit()
    do(day.here, "dvc", "exp", "apply", name)
    return f"dvc exp apply {name}"


def remove(day: Day) -> str:
    if not (found := names(day.here)):
        return ""
    name = day.chance.choice(found)
    do(day.here, "dvc", "exp", "remove", name)
    return f"dvc exp remove {name}"


def to_branch(day: Day) -> str:
    found = names(day.here)
    if not found or "kept" in branches(day.here):
        return ""
    name = day.chance.choice(found)
    do(day.here, "dvc", "exp", "branch", name, "kept")
    return f"dvc exp branch {name} kept"


def show(day: Day) -> str:
    do(day.here, *COMMAND, "experiments")
    return "mnist-study experiments"
