"""What training from nothing gives: no DVC, no cache, no file of an earlier run; once for each recipe."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_study.augmentation import with_kinds
from mnist_study.core.mnist import training_split
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.evaluate import evaluate
from mnist_study.report.results import metrics
from mnist_study.train import replica
from mnist_study.transforms.normalisation import measure


@dataclass(frozen=True)
class Result:
    """MD5 of each file of a variant, by its path with `*` in place of the variant's name, and its metrics."""

    files: dict[str, str]
    metrics: dict[str, Any]


class Truth:
    """Results by recipe and policy, each trained in this process when it is first asked for."""

    def __init__(self, mnist: Path, target: float) -> None:
        self.mnist, self.target = mnist, target
        self.mean, self.sd = measure(training_split(mnist).images)
        self.known: dict[tuple[str, str], Result] = {}

    def of(self, recipe: Recipe, ranges: Mapping[str, Any]) -> Result:
        """Give the results of a recipe; its name is part of them."""
        key = recipe.to_json(), json.dumps(ranges)
        if key not in self.known:
            self.known[key] = self._train(recipe, ranges)
        return self.known[key]

    def _train(self, recipe: Recipe, ranges: Mapping[str, Any]) -> Result:
        policy = with_kinds(Policy(self.mean, self.sd, {name: (low, high) for name, (low, high) in ranges.items()}))
        training, observed = replica.read_splits(recipe, self.mnist)
        trained = [replica.train_one(recipe, seed, policy, training, observed, lambda _: None) for seed in recipe.seeds]
        results = {
            "variant": recipe.variant,
            "parameters": trained[0].parameters,
            "engine": trained[0].engine,
            "precision": trained[0].precision,
            "replicas": [{"seed": each.seed, "history": each.history} for each in trained],
        }
        with tempfile.TemporaryDirectory() as folder:
            for each in trained:
                (Path(folder) / f"seed-{each.seed}.safetensors").write_bytes(each.weights)
            evaluation = evaluate(recipe, policy, self.mnist, Path(folder))
        contents = {
            "results/training/*.json": (json.dumps(results, indent=2, sort_keys=True) + "\n").encode(),
            "results/evaluation/*.json": evaluation.to_json().encode(),
            "results/predictions/*.npz": evaluation.to_npz(),
            **{f"models/*/seed-{each.seed}.safetensors": each.weights for each in trained},
        }
        found = metrics.of_variant(results, json.loads(evaluation.to_json()), self.target)
        return Result({path: md5(content) for path, content in contents.items()}, found)


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
