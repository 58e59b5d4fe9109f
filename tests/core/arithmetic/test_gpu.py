"""A GPU gives the same bits: what would break that is looked for on torch's meta device, the rest needs a GPU."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mnist_study import architectures
from mnist_study.augmentation import augment, with_kinds
from mnist_study.core.arithmetic import network, optimiser, step
from mnist_study.core.arithmetic.pixels import normalised
from mnist_study.core.errors import UserError
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.tools.golden import operations, trainings, verify
from mnist_study.tools.golden.made import images
from mnist_study.train.replica import read_splits, train_one
from tests.support import ROOT
from tests.train.test_training import ROTATE

FUSED = {"addcmul", "addcdiv", "lerp", "addmm", "addmv", "baddbmm"}
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")


class Watch(TorchDispatchMode):
    """Collect the operations that give other bits on a GPU than on a processor, or fail there."""

    def __init__(self) -> None:
        super().__init__()
        self.count, self.found = 0, set[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        name, kwargs = func.overloadpacket.__name__.rstrip("_"), kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if len({tensor.device for tensor in tensors}) > 1:
            self.found.add(f"{name} of tensors on two devices")
        if name in FUSED or kwargs.get("alpha", 1) not in (1, -1):
            self.found.add(f"{name} is fused")
        if name in ("mm", "bmm") and tensors[0].dtype != torch.float64:
            self.found.add(f"{name} not in float64")
        if name == "div" and not isinstance(args[1], Tensor) and math.frexp(args[1])[0] != 0.5:
            self.found.add(f"div by the number {args[1]}")  # a GPU multiplies by the reciprocal
        return func(*args, **kwargs)


@pytest.mark.parametrize("name", ["transition_fc", "transition"])
def test_a_step_has_no_operation_that_a_gpu_computes_otherwise(name: str):
    architecture, options = trainings.NETWORKS[name]
    model = architectures.build(architecture, **options).to("meta")
    average = copy.deepcopy(model)
    known, split, numbers = network.read(model), images("step", 5).to("meta"), torch.arange(5, device="meta")
    ranges = {key: ends for kind in operations.RANGES.values() for key, ends in kind.items()}
    with Watch() as watch:
        pixels = augment(split.images, numbers, with_kinds(Policy(0.1307, 0.3081, ranges)), 0, 1)
        batch = step.Batch(*normalised(pixels, 0.1307, 0.3081), split.labels, numbers)
        result = step.forward_backward(known, batch, step.dropout_keys(known, 0, 1), 0.1)
        optimiser.Optimiser(model.parameters(), 0.9, 0.01, nesterov=True).step(result.gradients, 5, 0.05)
        optimiser.move_average(average, model, 0.9, first=False)
        step.logits(known, batch.images, batch.largest)
    assert watch.count > 1000
    assert watch.found == set()


@pytest.mark.parametrize(
    ("compute", "found"),
    [
        (lambda x: x / 3, "div by the number 3"),
        (lambda x: x / torch.tensor(3.0), "div of tensors on two devices"),
        (lambda x: torch.lerp(x, x, 0.1), "lerp is fused"),
        (lambda x: torch.add(x, x, alpha=3), "add is fused"),
        (lambda x: x @ x, "mm not in float64"),
    ],
)
def test_such_operations_are_found(compute: Callable[[Tensor], Tensor], found: str):
    with Watch() as watch:
        compute(torch.ones(2, 2, device="meta"))
    assert watch.found == {found}


def test_verify_names_a_missing_gpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"^--device: cuda given; torch finds no GPU here, which leaves cpu$"):
        verify.verify("cuda")


@needs_gpu
@pytest.mark.gpu
def test_a_gpu_agrees_with_the_golden_vectors(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.chdir(ROOT)
    equal = verify.verify("cuda")
    assert equal, capsys.readouterr().out


@needs_gpu
@pytest.mark.gpu
def test_a_gpu_trains_to_the_bytes_of_a_processor(recipe: Recipe, tiny_mnist: Path):
    recipe = replace(recipe, engine="exact", model={"dropout": 0.05}, epochs=1)
    splits = read_splits(recipe, tiny_mnist)
    here, there = (
        train_one(replace(recipe, device=device), 0, ROTATE, *splits, lambda message: None)
        for device in ("cpu", "cuda")
    )
    assert here.weights == there.weights
    assert here.history == there.history
