"""What the pipeline runs on: Python, packages, git, npm, room on the disk."""

import re
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from mnist_study.core.errors import UserError
from mnist_study.tools import git
from mnist_study.tools.doctor.finding import Finding

OLDEST = (3, 11)
PINS = "requirements.lock"
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z]+\])?==([^\s;\\]+)(?:\s*;\s*([^\\]*[^\\\s]))?", re.M)
SHOWN = 3  # packages; without an environment all of them are wrong
ROOM = 2**30  # bytes: for a cache with MNIST and every variant's results, several times over
INSTALL = "`make setup` installs what is pinned (`rm .venv/installed` has it do so again)"


def check_python(top: Path) -> Iterator[Finding]:
    """Ask for a Python that is new enough."""
    if sys.version_info < OLDEST:
        yield Finding(f"Python is {sys.version.split()[0]}, 3.11 or newer is needed", "install it, then `make setup`")


def check_packages(top: Path) -> Iterator[Finding]:
    """Hold what is installed against the pins."""
    wrong: list[str] = []
    for name, wanted in pins(top):
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"the package {name} {wanted} is not installed")
            continue
        if installed.partition("+")[0] != wanted:  # torch's builds for one kind of machine are called 2.14.1+cpu
            wrong.append(f"the package {name} is {installed}, pinned is {wanted}")
    for line in wrong[:SHOWN]:
        yield Finding(line, INSTALL)
    if len(wrong) > SHOWN:
        yield Finding(f"and {len(wrong) - SHOWN} packages more", INSTALL)


def pins(top: Path) -> Iterator[tuple[str, str]]:
    """Give name and version of what is pinned for this kind of machine."""
    for name, version, marker in PIN.findall((top / PINS).read_text()):
        if not marker or _holds(marker):
            yield name, version


def _holds(marker: str) -> bool:
    try:
        from packaging.markers import Marker
    except ImportError:
        return False  # told as missing itself
    return Marker(marker).evaluate()


def check_git(top: Path) -> Iterator[Finding]:
    """Look for git and for the repository."""
    if not shutil.which("git"):
        yield Finding("git is not installed", "`apt-get install git`, or as your system does it")
        return
    try:
        git.run("rev-parse", "--git-dir", folder=top)
    except UserError as error:
        words = str(error).splitlines()[0]
        yield Finding(f"git does not take this folder for a repository ({words})", "`git clone` the project")


def check_npm(top: Path) -> Iterator[Finding]:
    """Look for npm, one of the three ways to MNIST."""
    if not shutil.which("npm"):
        cure = "MNIST can come from the mirrors or from the folder that MNIST_DIR names"
        yield Finding("npm is not installed", cure, needs_a_hand=False)


def check_disk(top: Path) -> Iterator[Finding]:
    """Ask for room."""
    free = shutil.disk_usage(top).free
    if free < ROOM:
        cure = "make room; `dvc gc --workspace` drops old results from the cache"
        yield Finding(f"the disk of {top.resolve()} has {free / 2**20:,.0f} MB left", cure)
