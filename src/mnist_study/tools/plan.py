"""What `dvc repro` would run, why, and how long the trainings would take on this machine; nothing is run."""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import harmonic_mean
from typing import Any

from dvc.exceptions import DvcException
from rich.console import Console
from rich.table import Table

from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe
from mnist_study.report.page.markdown import count
from mnist_study.running.progress import PACE
from mnist_study.tools import dvc, named, pushed
from mnist_study.tools.doctor import record
from mnist_study.tools.doctor.objects import UNSHARED
from mnist_study.tools.named import PARAMS
from mnist_study.tools.review import stale
from mnist_study.tools.review.comment import some
from mnist_study.tools.review.revision import Revision

PROGRESS = Path("build/progress")
IMAGES = 60_000  # in MNIST's training set; others have other numbers
Reasons = dict[str, list[str]]
Kind = tuple[str, str, str, str]  # architecture, its options, engine, device


def show(overrides: Sequence[str]) -> None:
    """Print the stages that would run with params.yaml as it is, or with changes as for `dvc exp run --set-param`."""
    from mnist_study.configure import build, document  # torch takes seconds to import

    record.require_whole(Path())
    params = changed(overrides) if overrides else document.read(PARAMS)
    checked = build.check(params, PARAMS.name)
    locked, status = Revision(None).stages, dvc.status()
    reasons = stale.stale(status, locked, build.texts(checked), params)
    if overrides:
        reasons.setdefault("configure", ["`params.yaml` changed"])
    add_new(reasons, locked, params)
    add_users(reasons, checked.recipes)
    following = stale.following(reasons, locked, params)
    lost, note = unheld(status, params)
    for stage, why in lost.items():
        reasons.setdefault(stage, []).append(why)
    following = [stage for stage in following if stage not in reasons]
    if not reasons:
        print("Nothing would run.")
        return
    Console().print(_table(reasons, following))
    surely, maybe = ([each for each in checked.recipes if f"train@{each.variant}" in s] for s in (reasons, following))
    known = paces(PROGRESS)
    if surely or not maybe:
        print(cost(surely, known))
    if maybe:
        print(cost(maybe, known, "may be trained"))
    if note:
        print(note)


def add_new(reasons: Reasons, locked: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Add the stages that params.yaml names and dvc.lock does not have."""
    for kind, section in named.SECTIONS.items():
        for stage in (f"{kind}@{name}" for name in params.get(section) or ()):
            if stage not in locked:
                reasons.setdefault(stage, ["has not run"])


def add_users(reasons: Reasons, recipes: Iterable[Recipe]) -> None:
    """Add the users of policies that changed: what `transforms` writes holds the ranges, so it changes, too."""
    for recipe in recipes:
        if stale.POLICY_CHANGED in reasons.get(f"transforms@{recipe.augmentation}", ()):
            for stage in (f"train@{recipe.variant}", f"evaluate@{recipe.variant}"):
                reasons.setdefault(stage, [stale.POLICY_CHANGED])


def unheld(status: Mapping[str, Any], params: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """Give the stages whose outs the cache lacks, with the reason, and a line on what a pull restores.

    DVC makes such outs again, also where the store has them, and to the same bytes; so what reads them stays.
    """
    lost = [
        stage
        for stage, entries in status.items()
        if named.names(params, stage) and any("not in cache" in _outs(entry).values() for entry in entries)
    ]
    try:
        unpushed, note = pushed.unpushed() if lost else {}, ""
    except UserError as error:
        unpushed, note = dict.fromkeys(lost), f"Whether a pull restores any of it is not known: {error}."
    stored = [stage for stage in lost if stage not in {*unpushed, *UNSHARED}]
    if stored:
        note = f"Pull first: `dvc pull --allow-missing --force` restores what {count(len(stored), 'stage')} made."
    reasons = dict.fromkeys(lost, "what it made is not in the cache")
    return reasons | dict.fromkeys(stored, "what it made was not pulled"), note


def _outs(entry: Any) -> dict[str, str]:  # noqa: ANN401 - what DVC says of a stage
    """Give the outs that `dvc status` tells; an entry may be words."""
    return entry.get("changed outs", {}) if isinstance(entry, dict) else {}


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


def cost(recipes: Sequence[Recipe], known: Mapping[Kind, float], words: str = "would be trained") -> str:
    """Count networks, and say how long their training takes by the pace of earlier ones of the same kind."""
    if not recipes:
        return "Nothing would be trained."
    networks = sum(len(recipe.seeds) for recipe in recipes)
    seconds, unknown = 0.0, []
    for recipe in recipes:
        images = len(recipe.seeds) * recipe.epochs * (IMAGES - recipe.validation)
        pace = known.get(kind(recipe.architecture, recipe.model, recipe.engine, recipe.device))
        if pace:
            seconds += images / pace
        else:
            unknown.append(recipe.variant)
    words = f"{count(networks, 'network')} {words}"
    if len(unknown) < len(recipes):
        words += f", in about {_duration(seconds)} at the pace of earlier trainings here"
    if unknown:
        words += f"; not known yet is the pace here of {some(unknown)}"
    return f"{words}."


def kind(architecture: str, model: Mapping[str, Any], engine: str, device: str) -> Kind:
    """Give what a pace depends on."""
    return architecture, json.dumps(model, sort_keys=True), engine, device


def paces(folder: Path) -> dict[Kind, float]:
    """Give the harmonic mean of the images per second of earlier trainings of the same kind."""
    found: dict[Kind, list[float]] = {}
    for path in sorted(folder.glob(f"*{PACE}")):
        try:
            pace = json.loads(path.read_text())
            key = kind(pace["architecture"], pace["model"], pace["engine"], pace["device"])
            found.setdefault(key, []).append(float(pace["images_per_second"]))
        except (ValueError, KeyError, TypeError):
            continue  # a note of how fast, which the next training writes again
    return {key: harmonic_mean(values) for key, values in found.items()}


def _table(reasons: Reasons, following: Iterable[str]) -> Table:
    groups: dict[tuple[str, str], list[str]] = {}
    for stage, why in [*reasons.items(), *((stage, ["may run, if what it reads changes"]) for stage in following)]:
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
