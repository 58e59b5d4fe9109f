"""What `dvc repro` would run, why, and how long the trainings would take on this machine; nothing is run."""

import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import harmonic_mean
from typing import Any

from dvc.exceptions import DvcException
from rich.console import Console
from rich.table import Table

from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe
from mnist_study.running.progress import PACE
from mnist_study.tools import dvc
from mnist_study.tools.review import stale
from mnist_study.tools.review.comment import some
from mnist_study.tools.review.revision import Revision

PARAMS = Path("params.yaml")
PROGRESS = Path("build/progress")
IMAGES = 60_000  # in MNIST's training set; others have other numbers


def show(overrides: Sequence[str]) -> None:
    """Print the stages that would run with params.yaml as it is, or with changes as for `dvc exp run --set-param`."""
    from mnist_study.configure import build  # torch takes seconds to import

    checked = build.read(PARAMS) if not overrides else build.check(changed(overrides), PARAMS.name)
    configured, locked = build.texts(checked), Revision(None).stages
    variants = json.loads(configured["plan.json"])["variants"]
    reasons = stale.stale(dvc.status(), locked, configured, variants)
    if overrides:
        reasons.setdefault("configure", ["`params.yaml` changed"])
    stages = [f"{kind}@{name}" for name in variants for kind in ("train", "evaluate")]
    for stage in [*stages, *(f"robustness@{name}" for name in checked.champions)]:
        if stage not in locked:
            reasons.setdefault(stage, ["has not run"])
    following = stale.following(reasons, locked, variants)
    if not reasons:
        print("Nothing would run.")
        return
    Console().print(_table(reasons, following))
    recipes = [recipe for recipe in checked.recipes if f"train@{recipe.variant}" in {*reasons, *following}]
    print(cost(recipes, paces(PROGRESS)))


def changed(overrides: Sequence[str]) -> Any:  # noqa: ANN401 - what YAML holds
    """Give the content of params.yaml with these changes; raises UserError for one that DVC does not take."""
    from dvc.utils.hydra import apply_overrides

    from mnist_study.configure import document

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / PARAMS.name
        copy.write_bytes(PARAMS.read_bytes())
        try:
            apply_overrides(copy, list(overrides))
        except DvcException as error:
            cause = str(error.__cause__ or error).splitlines()[0]
            raise UserError(f"-S: {', '.join(overrides)} given; DVC says: {cause}") from None
        return document.read(copy)


def cost(recipes: Sequence[Recipe], known: dict[tuple[str, str, str], float]) -> str:
    """Count networks, and say how long their training takes by the pace of earlier ones of the same kind."""
    if not recipes:
        return "Nothing would be trained."
    networks = sum(len(recipe.seeds) for recipe in recipes)
    seconds, unknown = 0.0, []
    for recipe in recipes:
        images = len(recipe.seeds) * recipe.epochs * (IMAGES - recipe.validation)
        pace = known.get((recipe.architecture, recipe.engine, recipe.device))
        if pace:
            seconds += images / pace
        else:
            unknown.append(recipe.variant)
    words = f"{networks} network{'s' if networks != 1 else ''} would be trained"
    if len(unknown) < len(recipes):
        words += f", in about {_duration(seconds)} at the pace of earlier trainings here"
    if unknown:
        words += f"; not known yet is the pace here of {some(unknown)}"
    return f"{words}."


def paces(folder: Path) -> dict[tuple[str, str, str], float]:
    """Give the harmonic mean of the images per second of earlier trainings, by architecture, engine and device."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for path in sorted(folder.glob(f"*{PACE}")):
        try:
            pace = json.loads(path.read_text())
            kind = pace["architecture"], pace["engine"], pace["device"]
            if (rate := float(pace["images_per_second"])) > 0:
                found.setdefault(kind, []).append(rate)
        except (ValueError, KeyError, TypeError):
            continue  # a note of how fast, which the next training writes again
    return {kind: harmonic_mean(values) for kind, values in found.items()}


def _table(reasons: dict[str, list[str]], following: Iterable[str]) -> Table:
    groups: dict[tuple[str, str], list[str]] = {}
    for stage, why in [*reasons.items(), *((stage, ["reads what these write"]) for stage in following)]:
        kind, _, name = stage.partition("@")
        groups.setdefault((kind, some(why)), []).append(name)
    table = Table("stage", "of", "why", box=None, pad_edge=False)
    for (kind, why), names in groups.items():
        table.add_row(kind, some([name for name in names if name]), why.replace("`", ""))
    return table


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{max(1, round(seconds))} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"
