"""A day: two clones of a tiny study and the repository they share, and whose turn it is."""

import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.pipeline.test_experiments import COUNT, DRAW
from tests.pipeline.test_review import clone
from tests.support.checkout import PARAMS, Checkout, write_copy
from tests.support.tiny import write_tiny_mnist

REGISTER = "src/mnist_study/tools/register_merge_drivers.sh"
START = PARAMS.partition("variants:\n")[0] + (
    "variants:\n"
    "  one_pool-b64-step-rotate: {architecture: one_pool, scheduler: step, augmentation: rotate, batch_size: 64}\n"
    "  ant: {architecture: two_pool, scheduler: step, augmentation: rotate, batch_size: 64}\n"
)


@dataclass
class Day:
    """One origin, two clones of it, and all chance; `here` is the clone whose turn it is."""

    folder: Path
    chance: Random
    both: list[Checkout]
    here: Checkout
    complete: set[str] = field(default_factory=set)  # commits that were pushed with all results
    numbers: int = 0

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def replace(self, other: Checkout) -> None:
        """Go on in another clone in place of this one."""
        self.both[self.both.index(self.here)] = other
        shutil.rmtree(self.here.folder)
        self.here = other


def do(here: Checkout, *command: str, allowed: str = "(?!)") -> str:
    """Type a command; give what it prints. Raises AssertionError for a traceback, and for a failure not `allowed`."""
    done = here.run(*command, check=False)
    said = done.stdout + done.stderr
    if "Traceback" in said or (done.returncode and not re.search(allowed, said, re.M)):
        raise AssertionError(f"{shlex.join(command)}: exit status {done.returncode}\n{said[-4000:]}")
    return said


def finish_study(folder: Path) -> Checkout:
    """Run the tiny study once, committed and pushed; its report draws no figures, which take longer than all else."""
    here = Checkout(folder / "study", folder / "mnist")
    write_tiny_mnist(here.mnist)
    here.folder.mkdir()
    write_copy(here.folder, here.mnist)
    (here.folder / "params.yaml").write_text(START)
    here.edit("stages/report.py", "import outcomes, trained_on", "import metrics, outcomes, trained_on")
    here.edit("stages/report.py", "from mnist_study.report.write import write_report\n", "")
    here.edit("stages/report.py", DRAW, COUNT)
    for name in ("metrics/.gitkeep", "reports/study.md"):
        (here.folder / name).parent.mkdir()
        (here.folder / name).touch()
    here.run("git", "init", "--quiet", "--initial-branch", "main")
    here.run("git", "add", "--all")
    here.repro()
    here.run("dvc", "push", "--quiet")
    here.commit()
    return here


def begin(folder: Path, finished: Checkout, seed: int) -> Day:
    """Share the finished study by a bare repository, and clone that twice."""
    finished.run("git", "clone", "--quiet", "--bare", ".", str(folder / "origin.git"))
    both = [new_clone(folder / "origin.git", folder / name, finished.mnist) for name in ("ann", "bob")]
    for here in both:
        do(here, "dvc", "repro", "--quiet", "download")
    return Day(folder, Random(seed), both, both[0])


def new_clone(origin: Path, folder: Path, mnist: Path, branch: str = "main") -> Checkout:
    """Clone as README says: results from the store, git's merge drivers registered."""
    here = clone(origin, folder, branch, mnist)
    do(here, "sh", REGISTER)
    do(here, "dvc", "pull", "--quiet", "--allow-missing")
    return here
