"""A checkpoint: what a killed training needs to resume and end with the same bytes.

The file is three parts: the SHA-256 of the rest on a line, JSON on a line, and the tensors as safetensors.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from mnist_study.core import files
from mnist_study.core.arithmetic import VERSION
from mnist_study.core.arithmetic.optimiser import Optimiser
from mnist_study.core.arithmetic.schedules import Schedule
from mnist_study.core.mnist import Split
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.train import environment

CODE = ("architectures", "augmentation", "core", "train")  # their loaded modules decide the bytes; kernels cannot
KINDS = "mnist_study.augmentation."  # their hashes are part of the policy


@dataclass(frozen=True)
class State:
    """All that one epoch passes to the next; no random states, since each epoch has its own streams."""

    model: nn.Module
    optimiser: Optimiser
    schedule: Schedule
    average: nn.Module | None
    history: list[dict[str, Any]]

    def tensors(self) -> dict[str, Tensor]:
        """Name every tensor that a step changes; copying a value into it restores it, whatever its layout."""
        named = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            if parameter in self.optimiser.buffers:
                named[f"momentum.{name}"] = self.optimiser.buffers[parameter]
        if self.average is not None:
            named |= {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        return named

    def facts(self) -> dict[str, Any]:
        """Give all else as plain data."""
        return {"history": self.history, "schedule": self.schedule.state()}

    def resume(self, facts: dict[str, Any]) -> None:
        """Take back what `facts` gave."""
        self.history.extend(facts["history"])
        self.schedule.restore(facts["schedule"])


class Checkpoint:
    """The checkpoint of one seed at `path`; `identity` names the training, `note` takes a line for the user."""

    def __init__(self, path: Path, identity: str, note: Callable[[str], None]) -> None:
        self.path, self.identity, self.note = path, identity, note

    def save(self, state: State) -> None:
        """Write the state; if that fails, training goes on without a checkpoint."""
        about = {"identity": self.identity, **state.facts()}
        tensors = {name: tensor.contiguous().clone() for name, tensor in state.tensors().items()}
        content = json.dumps(about).encode() + b"\n" + save(tensors)
        try:
            files.write(self.path, _sha256(content).encode() + b"\n" + content)
        except OSError as error:
            self.note(f"{self.path}: cannot be written ({error.strerror}); a kill would lose this epoch")

    def restore(self, state: State) -> None:
        """Restore the state from the file; leave it as it is if the file is missing, damaged or of another training."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        digest, _, content = data.partition(b"\n")
        if digest != _sha256(content).encode():
            self.note(f"{self.path}: damaged; training starts again")
            return
        text, _, packed = content.partition(b"\n")
        about = json.loads(text)
        if about["identity"] != self.identity:
            self.note(f"{self.path}: of another recipe, code, data or machine; training starts again")
            return
        saved = load(packed)
        for name, tensor in state.tensors().items():
            with torch.no_grad():
                tensor.copy_(saved[name])
        state.resume(about)
        self.note(f"{self.path}: resumed after epoch {len(state.history)}")


def identity(recipe: Recipe, seed: int, policy: Policy, splits: dict[str, Split]) -> str:
    """Give the SHA-256 of all that decides a training's bytes: its inputs and its code.

    Those of the engine `torch` depend on packages and processor, too; those of `exact` do not.
    """
    facts = {
        "recipe": {key: value for key, value in asdict(recipe).items() if key != "seeds"},
        "seed": seed,
        "policy": asdict(policy),
        "splits": {name: [_sha256(t.numpy()) for t in (split.images, split.labels)] for name, split in splits.items()},
        "code": _code(),
        "arithmetic": VERSION,
    }
    if recipe.engine == "torch":
        facts["environment"] = environment.describe(recipe.device)
        facts["flags"] = environment.cpuinfo("flags", "Features")
    return _sha256(json.dumps(facts, sort_keys=True).encode())


def _code() -> dict[str, str]:
    """Give the SHA-256 of every loaded module that training depends on."""
    ours = tuple(f"mnist_study.{folder}" for folder in CODE)
    files = {name: module.__file__ for name, module in sys.modules.items() if name.startswith(ours)}
    return {
        name: _sha256(Path(file).read_bytes()) for name, file in files.items() if file and not name.startswith(KINDS)
    }


def _sha256(data: Any) -> str:  # noqa: ANN401 - whatever holds bytes
    return hashlib.sha256(data).hexdigest()
