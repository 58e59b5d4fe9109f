"""A user's random days on a tiny study; each step is checked against training from nothing. `make test-random`.

A day begins with a finished study in two clones and has DAY steps; the last four finish the study, share it and clone
it. All of a day comes from its seed, so a day that went wrong can be repeated alone. Not hypothesis: a step takes
seconds, so shrinking a failure takes longer than reading a day.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mnist_study.core.errors import UserError
from tests.random_days import branches, damage, edits, experiments, runs
from tests.random_days.day import Day, begin, finish_study
from tests.random_days.health import check, heal
from tests.random_days.truth import Truth

DAY = 25  # steps
TARGET = 99.4  # as params.yaml has it
Rule = Callable[[Day], str]
OFTEN: tuple[Rule, ...] = (edits.set_rate, edits.add, runs.repro, branches.commit, branches.share, branches.pull)
RULES: tuple[Rule, ...] = (
    *OFTEN * 3,
    edits.remove,
    edits.rename,
    edits.set_scheduler,
    edits.set_policy,
    edits.edit_architecture,
    edits.mistake,
    runs.make_repro,
    runs.study,
    runs.plan,
    runs.kill,
    runs.doctor,
    runs.collect_garbage,
    runs.tidy,
    experiments.run,
    experiments.run_aside,
    experiments.queue,
    experiments.apply,
    experiments.remove,
    experiments.to_branch,
    experiments.show,
    *(branches.merge, branches.switch, branches.branch) * 2,
    branches.delete_branch,
    branches.clone,
    damage.break_cache,
    damage.break_store,
    damage.lose_store,
    damage.lose_cache,
    damage.cut_lock,
    damage.lose_stages,
    damage.lose_lock,
    damage.claim,
    damage.cut_mnist,
    damage.lose_results,
)
EVENING: tuple[Rule, ...] = (branches.pull, runs.repro, branches.share, branches.clone)


def live(day: Day, steps: int, truth: Truth, before: int) -> None:
    """Do so many steps and tell each; raises AssertionError at the first that goes wrong."""
    for number in range(steps):
        evening = number - (DAY - len(EVENING))
        day.here = day.here if evening >= 0 else day.chance.choice(day.both)
        began, done = time.monotonic(), ""
        while not done:  # some rules have nothing to do just now
            rule = EVENING[evening] if evening >= 0 else day.chance.choice(RULES)
            print(f"  {rule.__module__.rpartition('.')[2]}.{rule.__name__}", end="\r", flush=True)
            done = rule(day) or ("nothing to do" if evening >= 0 else "")
        healed = heal(day.here, quick=True)
        check(day.here, truth)
        told = f"; the doctor: {'; '.join(healed)}" if healed else ""
        print(
            f"{before + number + 1:4} {day.here.folder.name}: {done}{told} ({time.monotonic() - began:.0f} s)",
            flush=True,
        )


def main() -> int:
    """Live days until there were so many steps; exit status 1 after a finding, with the command that repeats it."""
    parser = argparse.ArgumentParser(prog="make test-random", description=__doc__)
    parser.add_argument("--steps", type=int, default=DAY)
    parser.add_argument("--seed", type=int, default=0, help="of the first day; each further day has the next")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="random days "))
    os.environ["DVC_SITE_CACHE_DIR"] = str(folder / "dvc")
    finished, done = finish_study(folder), 0
    truth = Truth(finished.mnist, TARGET)
    while done < given.steps:
        seed, steps = given.seed + done // DAY, min(DAY, given.steps - done)
        print(f"day {seed}", flush=True)
        day = begin(folder / f"day {seed}", finished, seed)
        try:
            live(day, steps, truth, done)
        except (AssertionError, UserError) as error:
            print(f"\nin {day.here.folder}, which is kept: {error}", file=sys.stderr)
            print(f"\nrepeat this day: make test-random STEPS={DAY} SEED={seed}", file=sys.stderr)
            return 1
        done += steps
    shutil.rmtree(folder)
    print(f"{done} steps, {len(truth.known)} recipes trained from nothing: all the same")
    return 0


if __name__ == "__main__":
    sys.exit(main())
