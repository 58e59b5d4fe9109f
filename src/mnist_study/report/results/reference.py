"""What others report, as data: the rows of the published study, and results of other networks."""

import csv
from dataclasses import dataclass
from pathlib import Path

from mnist_study.configure.networks import Network
from mnist_study.core.recipe import Recipe

EPOCHS = 19  # the study: "the model gets to see all the 60,000 images 19 times"
SEEDS = 5  # ours, at least: what docs/statistics.md says of intervals and tests was simulated with five


@dataclass(frozen=True)
class Published:
    """One row of the published tables; accuracies in percent."""

    table: int
    architecture: str
    dropout: bool
    parameters: int
    scheduler: str
    augmentation: str
    batch_size: int
    train_accuracy: float
    test_accuracy: float
    model_name: str  # the first column of the study's tables

    @property
    def helped(self) -> bool:
        """Tell whether a scheduler or augmentation was used."""
        return (self.scheduler, self.augmentation) != ("constant", "plain")

    def differs(self, recipe: Recipe, network: Network) -> list[str]:
        """List in what a recipe and its network are not this row's, of all that the study states, and of the seeds."""
        stated = {field: getattr(self, field) for field in ("architecture", "scheduler", "augmentation", "batch_size")}
        stated |= {"epochs": EPOCHS, "validation": 0}
        found = [(name, getattr(recipe, name), value) for name, value in stated.items()]
        words = [f"{name.replace('_', ' ')} {given}, not {value}" for name, given, value in found if given != value]
        if self.dropout != network.dropout:
            words.append("with dropout" if network.dropout else "without dropout")
        if len(recipe.seeds) < SEEDS:
            words.append(f"seeds {len(recipe.seeds)}, not {SEEDS}")
        return words


@dataclass(frozen=True)
class Elsewhere:
    """What others report of a network on the test images, in percent: mostly one training, or the best of several."""

    name: str
    parameters: int
    accuracy: float


def read_published(path: Path) -> dict[str, Published]:
    """Read the published rows by the variant's name."""
    with path.open(newline="") as file:
        return {
            row["variant"]: Published(
                table=int(row["table"]),
                architecture=row["architecture"],
                dropout=row["dropout"] == "yes",
                parameters=int(row["parameters"]),
                scheduler=row["scheduler"],
                augmentation=row["augmentation"],
                batch_size=int(row["batch_size"]),
                train_accuracy=float(row["train_accuracy"]),
                test_accuracy=float(row["test_accuracy"]),
                model_name=row["name_in_study"],
            )
            for row in csv.DictReader(file)
        }


def read_elsewhere(path: Path) -> list[Elsewhere]:
    """Read the results of others."""
    with path.open(newline="") as file:
        return [Elsewhere(row["name"], int(row["parameters"]), float(row["accuracy"])) for row in csv.DictReader(file)]
