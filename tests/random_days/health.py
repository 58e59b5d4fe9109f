"""After each step: what the doctor tells is done, and what counts as valid must be what training from nothing gives."""

import json
import re
import shlex
import sys
from collections.abc import Iterator

from dvc.repo import Repo

from mnist_study.configure import build
from mnist_study.tools import lockfile
from tests.random_days.day import do
from tests.random_days.truth import Truth, md5
from tests.support.checkout import Checkout

DOCTOR = (sys.executable, "-m", "mnist_study.tools.doctor")
MADE: dict[str, str] = {}  # what a stage made, by its name and deps, in any dvc.lock that was seen


def heal(here: Checkout, *, quick: bool = False) -> list[str]:
    """Type what the doctor says, until it has nothing to say; give its lines."""
    told: list[str] = []
    for _ in range(4):
        said = do(here, *DOCTOR, *(["--quick"] if quick else []), allowed="^WRONG")
        found = re.findall(r"^WRONG (.*)", said, re.M)
        if not found:
            return told
        told += found
        for command in re.findall(r"`([^`]+)`", "; ".join(found)):
            if command != "dvc push":  # is for the author
                do(here, *shlex.split(command))
    raise AssertionError("what the doctor says does not heal:\n" + "\n".join(told))


def stale(here: Checkout) -> set[str]:
    """Name the stages that `dvc status` calls changed."""
    with Repo(str(here.folder)) as repo:
        return {stage.rpartition(":")[2] for stage in repo.status()}  # path/dvc.yaml:stage


def check(here: Checkout, truth: Truth) -> None:
    """Raise AssertionError with all that counts as valid and is not what training from nothing gives."""
    if wrong := [*_wrong(here, truth), *_contradictions(here)]:
        raise AssertionError("\n".join(wrong))


def _wrong(here: Checkout, truth: Truth) -> Iterator[str]:
    plan, changed = build.read(here.folder / "params.yaml"), stale(here)
    if "configure" in changed:
        return
    measured = {}
    for recipe in plan.recipes:
        name = recipe.variant
        ranges = json.loads(plan.files()[f"policies/{recipe.augmentation}.json"])["ranges"]
        result = truth.of(recipe, ranges)
        measured[name] = result.metrics
        for path, expected in result.files.items():
            stage = "train" if path.startswith(("models", "results/training")) else "evaluate"
            if {f"train@{name}", f"{stage}@{name}", f"transforms@{recipe.augmentation}"} & changed:
                continue
            file = here.folder / path.replace("*", name)
            if not file.exists() or md5(file.read_bytes()) != expected:
                yield f"{file}: counts as valid, and is {'another' if file.exists() else 'missing'}"
    if not changed:
        if json.loads((here.folder / "metrics/variants.json").read_text()) != measured:
            yield "metrics/variants.json: counts as valid, and is another"
        yield from _trained_on(here)


def _trained_on(here: Checkout) -> Iterator[str]:
    """An entry may be missing (docs/reliability.md, Known limits), but none may be of other results.

    No out of DVC, so a variant that is gone may still have one.
    """
    path = here.folder / "metrics/trained_on.json"
    for name, entry in json.loads(path.read_text()).items() if path.exists() else ():
        file = here.folder / f"results/training/{name}.json"
        if file.exists() and md5(file.read_bytes()) != entry["results_md5"]:
            yield f"metrics/trained_on.json: {name} is of other results"


def _contradictions(here: Checkout) -> Iterator[str]:
    path = here.folder / "dvc.lock"
    for name, entry in lockfile.entries(path.read_text() if path.exists() else "").items():
        if name.startswith(("train@", "evaluate@")):
            given, _, made = entry.partition("\n    outs:\n")
            if MADE.setdefault(given, made) != made:
                yield f"dvc.lock: {name} is said to have made two things of the same:\n{MADE[given]}{made}"
