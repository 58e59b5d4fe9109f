"""What a commit holds, or the working tree: files of git, and results that its dvc.lock names."""

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from ruamel.yaml import YAML, YAMLError

from mnist_study.core.errors import UserError
from mnist_study.report.results import metrics
from mnist_study.tools import git


def branch_point(base: str) -> str:
    """Give the commit at which HEAD left `base`; raises UserError where there is none."""
    commit = git.answer("rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}").strip()
    if not commit:
        raise UserError(f"BASE: {base!r} given; allowed is a branch, tag or commit of this repository")
    common = git.answer("merge-base", commit, "HEAD").strip()
    if not common:
        raise UserError(f"BASE: {base} and HEAD have no commit in common; a shallow clone needs git fetch --unshallow")
    return common


class Revision:
    """A commit; the working tree where it is None."""

    def __init__(self, commit: str | None) -> None:
        self.files = DVCFileSystem(rev=commit) if commit else DVCFileSystem()

    @cached_property
    def params(self) -> dict[str, Any]:
        """Give params.yaml, of which this project's checks say that it is a mapping of mappings."""
        return self._yaml("params.yaml")

    @cached_property
    def stages(self) -> dict[str, Any]:
        """Give the stages in dvc.lock."""
        return self._yaml("dvc.lock").get("stages", {})

    @cached_property
    def variants(self) -> dict[str, Any]:
        """Give the metrics of each variant."""
        return self._metrics("metrics/variants.json")

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Give the metrics of the study as a whole."""
        return self._metrics("metrics/summary.json")

    def result(self, path: str) -> bytes | None:
        """Read a result as dvc.lock has it, from the working tree, the cache or a remote; None where none has it."""
        try:
            content: Any = self.files.read_bytes(path)
        except (OSError, DvcException):
            return None
        return content if hashlib.md5(content, usedforsecurity=False).hexdigest() == self._outs.get(path) else None

    def seeds(self, variant: str) -> list[dict[str, Any]] | None:
        """Give the metrics of each seed by itself, in the order of the seeds; None where a file is not to be had."""
        training, evaluation = (self.result(f"results/{kind}/{variant}.json") for kind in ("training", "evaluation"))
        if training is None or evaluation is None:
            return None
        trained, evaluated, target = json.loads(training), json.loads(evaluation), self.params["target"]["accuracy"]
        return [
            metrics.of_variant({"replicas": [one]}, evaluated | {"replicas": [other]}, target)
            for one, other in zip(trained["replicas"], evaluated["replicas"], strict=True)
        ]

    @cached_property
    def _outs(self) -> dict[str, str]:
        return dict(outs(self.stages))

    def _yaml(self, path: str) -> dict[str, Any]:
        try:
            return YAML(typ="safe", pure=True).load(self.files.read_text(path)) or {}
        except FileNotFoundError:
            return {}
        except YAMLError:
            raise UserError(f"{path}: not YAML, as in a merge that was not ended; `make doctor` says more") from None

    def _metrics(self, path: str) -> dict[str, Any]:
        try:
            return json.loads(self.files.read_text(path))
        except FileNotFoundError:
            return {}
        except json.JSONDecodeError as error:
            raise UserError(f"{path}: not JSON ({error}), as in a merge that was not ended") from None


def outs(stages: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Give each out in dvc.lock and its MD5."""
    for stage in stages.values():
        for out in stage.get("outs", []):
            yield out["path"], out["md5"]
