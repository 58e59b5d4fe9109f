"""What is timed: engines, architectures and batch sizes, with a recipe and the policy of params.yaml."""

from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from typing import Any

from ruamel.yaml import YAML

from mnist_study.augmentation import with_kinds
from mnist_study.configure import build
from mnist_study.configure.params import Plan
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.running import pool
from tests.benchmarks.digits import ROOT

PARAMS = ROOT / "params.yaml"
ENGINES = ["plain", "plain_parallel", "torch", "exact"]
ARCHITECTURES = ["vanilla", "dropout", "transition_fc", "transition", "two_pool", "one_pool"]
BATCH_SIZES = [64, 128]
CORES = pool.workers()
MEAN, SD = 0.1307, 0.3081  # of MNIST's training pixels between 0 and 1


@dataclass(frozen=True)
class Case:
    """One cell of the table."""

    engine: str
    architecture: str
    batch_size: int

    def __str__(self) -> str:
        return f"{self.engine}-{self.architecture}-b{self.batch_size}"

    @property
    def key(self) -> str:
        """The case's name in build/bench.json."""
        return f"{self.engine}/{self.architecture}/b{self.batch_size}"

    @property
    def is_plain(self) -> bool:
        return self.engine.startswith("plain")

    @property
    def replicas(self) -> int:
        """How many networks train at once, each in a process."""
        return 1 if self.engine == "plain" else CORES


def all_cases() -> list[Case]:
    """Every case; the engines of one network stand together, so that their ratio is of neighbours in time."""
    return [
        Case(engine, architecture, batch_size)
        for architecture in ARCHITECTURES
        for batch_size in BATCH_SIZES
        for engine in ENGINES
    ]


def missing(engine: str) -> str:
    """Say why an engine cannot run here, or nothing where it can."""
    return "Halide is not installed" if engine == "exact" and find_spec("halide") is None else ""


@cache
def plan() -> Plan:
    """Read params.yaml."""
    return build.read(PARAMS)


def policy() -> Policy:
    """Give affine_jitter of params.yaml."""
    ranges = plan().policies["affine_jitter"].ranges()
    return with_kinds(Policy(MEAN, SD, {name: (low, high) for name, (low, high) in ranges.items()}))


def recipe(case: Case, **changes: Any) -> Recipe:
    """Give a recipe of params.yaml for the case, without end and at a constant learning rate unless told otherwise."""
    fields = {
        "variant": str(case),
        "architecture": case.architecture,
        "model": {},
        "augmentation": "affine_jitter",
        "batch_size": case.batch_size,
        "scheduler": "constant",
        "scheduler_options": {},
        "epochs": 1_000_000,
        "engine": case.engine,
        "device": "cpu",
    }
    return replace(plan().recipes[0], **{**fields, **changes})


def scheduler_options(name: str) -> dict[str, Any]:
    """Give what params.yaml says of a scheduler, used by a variant or not."""
    return YAML(typ="safe", pure=True).load(PARAMS.read_text())["schedulers"][name]
