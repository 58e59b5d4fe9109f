"""Training in the arithmetic of integers: it learns, and what it leaves has one spelling everywhere."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mnist_study import architectures
from mnist_study.augmentation import affine
from mnist_study.configure import build, params
from mnist_study.core import weights
from mnist_study.core.arithmetic import VERSION
from mnist_study.core.errors import UserError
from mnist_study.core.mnist import Split
from mnist_study.core.recipe import Recipe
from mnist_study.evaluate import evaluate
from mnist_study.train import checkpoint, environment
from mnist_study.train.messages import Note, Progress
from mnist_study.train.replica import read_splits, train_one
from tests.train.test_training import ROTATE


@pytest.fixture
def exact(recipe: Recipe) -> Recipe:
    return replace(recipe, engine="exact", model={"dropout": 0.05}, lr=0.1)


def few(recipe: Recipe, images: Path) -> tuple[Split, dict[str, Split]]:
    """96 images to learn, 32 of each split to observe."""
    training, observed = read_splits(recipe, images)
    return cut(training, 96), {name: cut(split, 32) for name, split in observed.items()}


def cut(split: Split, count: int) -> Split:
    return Split(split.images[:count], split.labels[:count])


def test_it_learns_and_evaluation_gives_what_the_last_epoch_gave(exact: Recipe, tiny_mnist: Path, tmp_path: Path):
    messages = []
    exact = replace(exact, seeds=(0,), batch_size=24, validation=400, label_smoothing=0.05, ema=0.5)
    training, observed = read_splits(exact, tiny_mnist)
    replica = train_one(exact, 0, ROTATE, training, observed, messages.append)
    assert (replica.engine, replica.precision) == ("exact", f"integers, version {VERSION}")
    last = replica.history[-1]
    assert last["test_accuracy"] > 60
    assert last["train_loss"] < replica.history[0]["train_loss"]
    assert [message.epoch for message in messages if isinstance(message, Progress) and message.epoch_ended] == [1, 2]
    (tmp_path / "seed-0.safetensors").write_bytes(replica.weights)
    (scored,) = evaluate(exact, ROTATE, tiny_mnist, tmp_path).replicas
    for name in ("test_loss", "test_accuracy", "validation_loss", "validation_accuracy"):
        assert scored[name] == last[name]


def test_weights_of_another_version_are_refused(exact: Recipe, tiny_mnist: Path, tmp_path: Path):
    model = architectures.build(exact.architecture, **exact.model)
    path = tmp_path / "seed-0.safetensors"
    for about, version in (({"arithmetic": "0"}, "0"), (None, "none")):
        path.write_bytes(weights.pack(model, about))
        with pytest.raises(
            UserError, match=f"seed-0.safetensors: trained by arithmetic {version}, scored by {VERSION}"
        ):
            evaluate(exact, ROTATE, tiny_mnist, tmp_path)


def test_torchs_generator_and_threads_change_nothing(exact: Recipe, tiny_mnist: Path):
    splits = few(exact, tiny_mnist)
    exact = replace(exact, epochs=1)
    first = train_one(exact, 0, ROTATE, *splits, lambda message: None)
    torch.manual_seed(5)
    torch.rand(100)
    assert train_one(exact, 0, ROTATE, *splits, lambda message: None).weights == first.weights
    assert train_one(exact, 1, ROTATE, *splits, lambda message: None).weights != first.weights


def test_resumed_it_gives_the_same_bytes(exact: Recipe, tiny_mnist: Path, tmp_path: Path):
    plateau = {"factor": 0.5, "patience": 0, "threshold": 0.5}
    changes = {"ema": 0.9, "scheduler": "plateau", "scheduler_options": plateau, "weight_decay": 1e-4, "epochs": 3}
    exact, path = replace(exact, **changes, anneal_epochs=1), tmp_path / "seed-0.checkpoint"

    def stop(message: Progress | Note) -> None:
        if isinstance(message, Progress) and message.epoch == 2 and message.epoch_ended:
            raise InterruptedError

    splits = few(exact, tiny_mnist)
    with pytest.raises(InterruptedError):
        train_one(exact, 0, ROTATE, *splits, stop, path)
    notes = []
    resumed = train_one(exact, 0, ROTATE, *splits, notes.append, path)
    assert notes[0] == Note(f"{path}: resumed after epoch 2")
    assert resumed == train_one(exact, 0, ROTATE, *splits, lambda message: None)


def test_a_checkpoint_may_go_to_another_machine(exact: Recipe, tiny_mnist: Path, monkeypatch: pytest.MonkeyPatch):
    training, observed = read_splits(exact, tiny_mnist)
    splits = {"training": training, **observed}
    here = checkpoint.identity(exact, 0, ROTATE, splits)
    monkeypatch.setattr(environment, "cpuinfo", lambda *keys: ["another"])
    monkeypatch.setattr(environment.metadata, "version", lambda name: "9.9")
    assert checkpoint.identity(exact, 0, ROTATE, splits) == here


def test_a_checkpoint_is_of_the_kinds_that_the_policy_names(
    exact: Recipe, tiny_mnist: Path, monkeypatch: pytest.MonkeyPatch
):
    """Not of those that happen to be loaded, which differ between a process that begins and one that goes on."""
    training, observed = read_splits(exact, tiny_mnist)
    splits = {"training": training, **observed}
    here = checkpoint.identity(exact, 0, ROTATE, splits)
    monkeypatch.delitem(sys.modules, affine.__name__)
    assert checkpoint.identity(exact, 0, ROTATE, splits) == here
    edited = replace(ROTATE, kinds={"affine": "another hash"})
    assert checkpoint.identity(exact, 0, edited, splits) != here


def test_divergence_is_one_line_that_names_the_step(exact: Recipe, tiny_mnist: Path):
    with pytest.raises(
        UserError, match=r"variants\.tiny: seed 0, epoch 1, step \d+: a value is not finite.*rate 1e\+25"
    ):
        train_one(replace(exact, lr=1e25), 0, ROTATE, *few(exact, tiny_mnist), lambda message: None)


def test_a_network_that_is_not_defined_is_refused_in_one_line(
    exact: Recipe, tiny_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    strange = nn.Sequential(nn.Conv2d(1, 10, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    monkeypatch.setattr(architectures, "build", lambda *names, **options: strange)
    line = r"variants\.tiny\.engine: exact given, but it has a layer .* Tanh.*torch$"
    with pytest.raises(UserError, match=line):
        train_one(exact, 0, ROTATE, *few(exact, tiny_mnist), lambda message: None)
    with pytest.raises(UserError, match=line):
        evaluate(exact, ROTATE, tiny_mnist, tmp_path)
    plan = SimpleNamespace(recipes=[exact, replace(exact, variant="other", engine="torch")])
    monkeypatch.setattr(params, "check", lambda *arguments: plan)
    with pytest.raises(UserError, match=r"^params\.yaml: " + line):
        build.check({}, "params.yaml")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(exact: Recipe, tiny_mnist: Path):
    with pytest.raises(UserError, match=r"variants\.tiny\.device: cuda given; torch finds no GPU"):
        train_one(replace(exact, device="cuda"), 0, ROTATE, *few(exact, tiny_mnist), lambda message: None)


def test_a_batch_of_one_value_names_the_key(exact: Recipe, tiny_mnist: Path, monkeypatch: pytest.MonkeyPatch):
    shrinking = nn.Sequential(nn.Conv2d(1, 10, 28), nn.BatchNorm2d(10), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    monkeypatch.setattr(architectures, "build", lambda *names, **options: shrinking)
    with pytest.raises(UserError, match=r"variants\.tiny\.batch_size: 95 given; a batch norm has 1 of 1 x 1 values"):
        train_one(replace(exact, batch_size=95), 0, ROTATE, *few(exact, tiny_mnist), lambda message: None)
