"""Look at this checkout and what it needs, a line each, with the command that heals; exit status 1 after a finding.

It needs nothing but Python, so that it runs where nothing else does. It changes nothing, with one exception: a lock of
DVC's that is no longer readable, as a full disk leaves it, or whose holders have all ended, is nobody's and is removed.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mnist_study.core.errors import UserError
from mnist_study.running.console import plain_errors
from mnist_study.tools import pushed
from mnist_study.tools.doctor import leftovers, objects, record, surroundings
from mnist_study.tools.doctor.finding import Finding
from mnist_study.tools.doctor.objects import shown

Check = tuple[str, Callable[[Path], Iterable[Finding]]]
BEFORE_A_RUN: tuple[Check, ...] = (
    ("params.yaml", record.check_params),
    ("dvc.lock", record.check),
    ("objects in the store", objects.check_store),
    ("objects in the cache", objects.check_cache),
    ("locks", leftovers.check_locks),
)


def check_pushed(_: Path) -> Iterator[Finding]:
    """Tell what a clone could not restore; before the commit that is no mistake yet."""
    try:
        found = pushed.unpushed()
    except UserError as error:
        yield Finding(str(error), "so what was pushed is not known", needs_a_hand=False)
        return
    if found:
        yield Finding(f"not pushed: what {shown(list(found))} made", pushed.CURE, needs_a_hand=False)


ALL: tuple[Check, ...] = (
    ("Python", surroundings.check_python),
    ("packages", surroundings.check_packages),
    ("git", surroundings.check_git),
    ("npm", surroundings.check_npm),
    ("disk", surroundings.check_disk),
    *BEFORE_A_RUN,
    ("what is to be restored", objects.check_restorable),
    ("what is pushed", check_pushed),
    ("MNIST", leftovers.check_mnist),
    ("leftovers", leftovers.check_litter),
)


def examine(*, quick: bool) -> int:
    """Print a line for each check and for each finding; give the exit status.

    `quick`: only what would spoil a run, and only what is wrong; then, without failing, what a run has to make again.
    """
    top = Path()
    if not (top / "dvc.yaml").exists():
        raise UserError("there is no dvc.yaml here; run this at the top of a checkout of mnist-study")
    needs_a_hand = False
    for name, check in BEFORE_A_RUN if quick else ALL:
        found = list(check(top))
        needs_a_hand |= any(finding.needs_a_hand for finding in found)
        if not found and not quick:
            print(f"ok    {name}")
        for finding in found:
            if finding.needs_a_hand or not quick:
                print(finding, file=sys.stderr if quick else sys.stdout)
    for finding in objects.warn(top) if quick and not needs_a_hand else ():
        print(finding, file=sys.stderr)
    return 1 if needs_a_hand else 0


if __name__ == "__main__":
    with plain_errors():
        parser = argparse.ArgumentParser(prog="python -m mnist_study.tools.doctor", description=__doc__)
        parser.add_argument("--quick", action="store_true", help="only what would spoil a run, and only what is wrong")
        sys.exit(examine(quick=parser.parse_args().quick))
