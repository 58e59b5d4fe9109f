"""Rename a variant together with its results, so that nothing is trained.

Its recipe and its results hold its name, so DVC alone would train it again. Its weights and predictions do not.
"""

import hashlib
import json
import shutil
from pathlib import Path

from ruamel.yaml import YAML

from mnist_study.configure import build
from mnist_study.configure.params import A_NAME, NAME
from mnist_study.core import files
from mnist_study.core.errors import UserError
from mnist_study.report.results import trained_on
from mnist_study.tools import dvc, lockfile
from mnist_study.tools.named import PARAMS

LOCK, RECIPES = Path("dvc.lock"), Path("build/recipes")
TRAINING, EVALUATION, PREDICTIONS = (Path("results") / kind for kind in ("training", "evaluation", "predictions"))
MODELS, KEPT, RECORDED = Path("models"), Path("metrics/trained_on.json"), Path("build/trained_on")


def rename(old: str, new: str) -> None:
    """Give the variant `old` the name `new` in params.yaml, dvc.lock and its results; `report` is left to run.

    So is a champion's test of robustness. Raises UserError where the variant has no valid results, and where `new` is
    taken or no name; then all is as before.
    """
    before, lock = PARAMS.read_text(), LOCK.read_bytes() if LOCK.exists() else b""
    after = renamed(before, old, new)
    if pids := dvc.running(Path()):
        raise UserError(f"DVC runs here (process {pids[0]}); run this again when that has ended")
    stages = [f"train@{old}", f"evaluate@{old}"]
    if dvc.status(*stages) or not _recipe_was_run(old):
        raise UserError(
            f"variants.{old}: no valid results are here; `dvc checkout` restores them, or `dvc repro` makes them"
        )
    try:
        _copy_results(old, new)
        files.write(PARAMS, after.encode())
        for command in ("repro --single-item configure", f"commit --force train@{new} evaluate@{new}"):
            if dvc.call(*command.split(), "--quiet"):
                raise UserError(f"dvc {command}: failed; params.yaml and dvc.lock are as before")
    except BaseException:
        files.write(PARAMS, before.encode())
        files.write(LOCK, lock)
        _remove_results(new)
        dvc.call("checkout", "configure", "--force", "--quiet")  # build/, as dvc.lock has it
        raise
    found = lockfile.read(LOCK)
    taken = {f"{kind}@{old}": f"{kind}@{new}" for kind in ("train", "evaluate")}
    ordered = {taken.get(name, name): found[taken.get(name, name)] for name in found}
    files.write(LOCK, (lockfile.HEAD + "".join(ordered.values())).encode())
    print(f"{old} is now {new}, and nothing was trained. `dvc repro` writes the report anew.")


def renamed(text: str, old: str, new: str) -> str:
    """Give the text of params.yaml with the variant's key changed, and nothing else.

    Raises UserError where there is no such variant, and for whatever `configure` refuses.
    """
    variants = [recipe.variant for recipe in build.read(PARAMS).recipes]
    if old not in variants:
        raise UserError(f"{PARAMS}: variants: there is no {old!r}; there are {', '.join(variants)}")
    if new in variants:
        raise UserError(f"{PARAMS}: variants.{new}: there is such a variant already")
    if not NAME.fullmatch(new):
        raise UserError(f"{PARAMS}: variants: {new!r} given; {A_NAME}")
    content, lines = YAML().load(text), text.splitlines(keepends=True)
    champions = content["champions"]
    places = [content["variants"].lc.key(old)]
    places += [champions.lc.item(number) for number, name in enumerate(champions) if name == old]
    for number, column in sorted(places, reverse=True):
        lines[number] = lines[number][:column] + lines[number][column:].replace(old, new, 1)
    build.check(YAML(typ="safe", pure=True).load("".join(lines)), PARAMS.name)
    return "".join(lines)


def _recipe_was_run(name: str) -> bool:
    """Tell whether the variant's recipe is the one that its results come from; DVC sees no edit before `configure`."""
    recipe = next(recipe for recipe in build.read(PARAMS).recipes if recipe.variant == name)
    return recipe.to_json() == (RECIPES / f"{name}.json").read_text()


def _copy_results(old: str, new: str) -> None:
    _remove_results(new)
    shutil.copytree(MODELS / old, MODELS / new)
    files.write(PREDICTIONS / f"{new}.npz", (PREDICTIONS / f"{old}.npz").read_bytes())
    for folder in (TRAINING, EVALUATION):
        text = (folder / f"{old}.json").read_text()
        files.write(folder / f"{new}.json", text.replace(f'"variant": "{old}"', f'"variant": "{new}"').encode())
    if entry := trained_on.valid(trained_on.read(KEPT), old, recorded=RECORDED, training=TRAINING):
        results = hashlib.md5((TRAINING / f"{new}.json").read_bytes(), usedforsecurity=False).hexdigest()
        files.write(RECORDED / f"{new}.json", json.dumps(entry | {"results_md5": results}).encode())


def _remove_results(name: str) -> None:
    shutil.rmtree(MODELS / name, ignore_errors=True)
    (PREDICTIONS / f"{name}.npz").unlink(missing_ok=True)
    for folder in (TRAINING, EVALUATION, RECORDED):
        (folder / f"{name}.json").unlink(missing_ok=True)
