"""The results of each variant beside the published table, and the removal of what old variants left behind."""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mnist_study.configure import networks as network_file
from mnist_study.configure.networks import Network
from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe
from mnist_study.report.results import metrics
from mnist_study.report.results.reference import Elsewhere, Published, read_elsewhere, read_published


@dataclass(frozen=True)
class Target:
    """The study's aim: test accuracy in percent, within `epochs`, with fewer than `parameters`."""

    accuracy: float
    epochs: int
    parameters: int


@dataclass(frozen=True)
class Images:
    """What the images are: the side, the names of their classes, and whether they are the study's, MNIST."""

    side: int = 28
    classes: Sequence[str] = tuple("0123456789")
    study: bool = True


@dataclass(frozen=True)
class Plan:
    """The target, the variants' names in the order of params.yaml, and those of the champions among them."""

    target: Target
    variants: Sequence[str]
    champions: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """One variant: its recipe, the contents of its training and evaluation files, and its metrics.

    `published` is its row of the study; None where the variant is not a row, and `differs` then says why one that has a
    row's name is none. `robustness` lists, for a champion, the changes of the images: `change`, number of `images`, and
    `accuracies` in percent, one a seed.
    """

    recipe: Recipe
    training: dict[str, Any]
    evaluation: dict[str, Any]
    metrics: dict[str, Any]
    published: Published | None
    differs: Sequence[str] = ()
    robustness: Sequence[dict[str, Any]] = ()

    @property
    def accuracies(self) -> list[float]:
        """Give the test accuracy of each seed's last epoch."""
        return [replica["test_accuracy"] for replica in self.evaluation["replicas"]]

    @property
    def test_images(self) -> int:
        """Count the test images."""
        return sum(map(sum, self.evaluation["replicas"][0]["confusion"]))


@dataclass(frozen=True)
class Results:
    """Every variant in the order of params.yaml, at least one; every published row, trained here or not.

    Where no variant is a row, `published` is empty, and the report says nothing of the study.
    """

    target: Target
    outcomes: dict[str, Outcome]
    published: dict[str, Published]
    networks: list[Network]
    images: Images = Images()
    champions: Sequence[str] = ()
    elsewhere: Sequence[Elsewhere] = ()

    def rows(self) -> dict[str, Outcome]:
        """Give the variants that are rows of the study."""
        return {name: outcome for name, outcome in self.outcomes.items() if outcome.published}

    def best(self) -> list[Outcome]:
        """Give the champions."""
        return [self.outcomes[name] for name in self.champions]

    def without(self, name: str, seed: int) -> "Results":
        """Leave one network of a variant out."""
        outcome = self.outcomes[name]
        trained, evaluated = (
            {**found, "replicas": [replica for replica in found["replicas"] if replica["seed"] != seed]}
            for found in (outcome.training, outcome.evaluation)
        )
        numbers = metrics.of_variant(trained, evaluated, self.target.accuracy)
        left = replace(outcome, training=trained, evaluation=evaluated, metrics=numbers)
        return replace(self, outcomes={**self.outcomes, name: left})

    def variants(self) -> dict[str, dict[str, Any]]:
        """Give the metrics of every variant."""
        return {name: outcome.metrics for name, outcome in self.outcomes.items()}

    def confusions(self) -> dict[str, list[list[list[int]]]]:
        """Give each variant's counts by true and by predicted class, a table for each seed."""
        return {
            name: [replica["confusion"] for replica in outcome.evaluation["replicas"]]
            for name, outcome in self.outcomes.items()
        }

    def logits(self) -> dict[str, dict[int, str]]:
        """Give the SHA-256 of each network's logits by variant and seed, of those that the engine `exact` trained."""
        hashes = {
            name: {
                replica["seed"]: replica["logits_sha256"]
                for replica in outcome.evaluation["replicas"]
                if "logits_sha256" in replica
            }
            for name, outcome in self.outcomes.items()
        }
        return {name: seeds for name, seeds in hashes.items() if seeds}

    def summary(self) -> dict[str, Any]:
        """Give the metrics of this run as a whole."""
        published = {name: self.published[name].test_accuracy for name in self.rows()}
        return metrics.summary(self.variants(), published, self.target.accuracy, self.champions)

    def leaderboard(self) -> list[str]:
        """List the variants by falling test accuracy; equal ones stay in order."""
        return sorted(self.outcomes, key=lambda name: -self.outcomes[name].metrics["test_accuracy"])


def read_plan(path: Path) -> Plan:
    """Read what `configure` wrote; raises UserError where it names no variant."""
    plan = _read(path)
    if not plan["variants"]:
        raise UserError(f"{path}: names no variant, so there is nothing to report")
    return Plan(Target(**plan["target"]), plan["variants"], plan["champions"])


def read_images(path: Path) -> Images:
    """Read what `configure` wrote of the images."""
    return Images(**_read(path))


def remove_leftovers(names: Iterable[str], folders: Iterable[Path]) -> list[Path]:
    """Remove each file or folder in `folders` that has no variant's name, and give their paths.

    So a folder has its old hash again when a variant is added and removed.
    """
    kept = set(names)
    entries = [entry for folder in folders if folder.is_dir() for entry in sorted(folder.iterdir())]
    leftovers = [entry for entry in entries if entry.stem not in kept]
    for entry in leftovers:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    return leftovers


def gather(plan: Plan, images: Images, *, build: Path, results: Path, reference: Path) -> Results:
    """Read each variant's recipe and results, what the networks are, and the tables of others' results.

    `build` is the folder that `configure` writes, `results` that of the other stages. Only the named files are read, so
    a removed variant's are ignored. Raises UserError naming a file that is missing, no JSON or of another variant.
    """
    rows = read_published(reference / "published.csv") if images.study else {}
    described = network_file.read(build / "networks.json")
    network_of = {variant: network for network in described for variant in network.variants}
    outcomes = {}
    for name in plan.variants:
        recipe = Recipe.read(build / "recipes" / f"{name}.json")
        row = rows.get(name)
        differs = row.differs(recipe, network_of[name]) if row else []
        trained, evaluated = (_read(results / kind / f"{name}.json", of=name) for kind in ("training", "evaluation"))
        conditions = (
            _read(results / "robustness" / f"{name}.json", of=name)["conditions"] if name in plan.champions else ()
        )
        outcomes[name] = Outcome(
            recipe=recipe,
            training=trained,
            evaluation=evaluated,
            metrics=metrics.of_variant(trained, evaluated, plan.target.accuracy),
            published=None if differs else row,
            differs=differs,
            robustness=conditions,
        )
    compared = any(outcome.published for outcome in outcomes.values())
    elsewhere = read_elsewhere(reference / "elsewhere.csv") if images.study else []
    return Results(plan.target, outcomes, rows if compared else {}, described, images, plan.champions, elsewhere)


def _read(path: Path, of: str | None = None) -> dict[str, Any]:
    """Read a file of results, which names its variant, or the plan, which names none."""
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); `dvc repro` makes it") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error}); delete it and run `dvc repro`") from None
    given = content.get("variant") if isinstance(content, dict) else None
    if given != of:
        raise UserError(f"{path}: of {given or 'no variant'}, not of {of}; delete it and run `dvc repro`")
    return content
