"""Which engine trains: the one asked for, or torch's with a word on why."""

import sys
from dataclasses import replace
from types import ModuleType

import pytest
import torch
from torch import nn

from mnist_study import architectures
from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe
from mnist_study.train import engines
from mnist_study.train.engines.torch_engine import TorchEngine


class Fast:
    """Stands for the fast engine; it knows every network but that of `images` 7."""

    def __init__(self, model: nn.Module, recipe: Recipe, side: int) -> None:
        self.name = "fast"


def unsupported(model: nn.Module, recipe: Recipe, images: int) -> str | None:
    return "7 images are too odd" if images == 7 else None


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("mnist_study.train.engines.fast")
    module.__dict__.update(FastEngine=Fast, unsupported=unsupported)
    monkeypatch.setitem(sys.modules, "mnist_study.train.engines.fast", module)


@pytest.mark.usefixtures("fast")
def test_the_recipe_chooses(recipe: Recipe):
    notes: list[str] = []
    model = architectures.build(recipe.architecture)
    assert engines.choose(recipe, model, 640, notes.append).name == "torch"
    assert engines.choose(replace(recipe, engine="fast"), model, 640, notes.append).name == "fast"
    assert notes == []


@pytest.mark.usefixtures("fast")
def test_torch_takes_what_the_fast_engine_cannot_and_says_so(recipe: Recipe):
    notes: list[str] = []
    engine = engines.choose(replace(recipe, engine="fast"), architectures.build(recipe.architecture), 7, notes.append)
    assert engine.name == "torch"
    assert notes == ["variants.tiny: the torch engine trains this one: 7 images are too odd"]


def test_torch_takes_over_where_halide_is_not_installed(recipe: Recipe, monkeypatch: pytest.MonkeyPatch):
    notes: list[str] = []
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    model = architectures.build(recipe.architecture)
    assert engines.choose(replace(recipe, engine="fast"), model, 640, notes.append).name == "torch"
    assert notes == [
        "variants.tiny: the torch engine trains this one: halide, its compiler, is not installed;"
        " it has no wheel for Linux on Arm"
    ]


def test_torch_alone_does_not_load_the_fast_engine(recipe: Recipe, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "mnist_study.train.engines.fast", None)
    assert engines.choose(recipe, architectures.build(recipe.architecture), 640, print).name == "torch"


def test_a_missing_gpu_is_one_line(recipe: Recipe, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"^variants\.tiny\.device: cuda given; torch finds no GPU here, .*cpu$"):
        TorchEngine(architectures.build(recipe.architecture), replace(recipe, device="cuda"))


def test_gradients_overwrite_what_was_there_and_scores_change_nothing(recipe: Recipe):
    torch.manual_seed(0)
    model = architectures.build("one_pool", dropout=0.5)
    engine = TorchEngine(model, recipe)
    images, labels = torch.randn(32, 1, 28, 28), torch.arange(32) % 10
    engine.begin_epoch(1)
    loss, predicted = engine.forward_backward(images, labels)
    first = [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
    assert len(first) == len(list(model.parameters()))
    assert predicted.shape == labels.shape
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    logits = engine.logits(model, images)
    assert logits.shape == (32, 10)
    assert not logits.requires_grad
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    engine.begin_epoch(1)
    assert engine.forward_backward(images, labels)[0] == loss
    for parameter, gradient in zip(model.parameters(), first, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=0)
