"""All seeds of a variant in lockstep give what each gives alone: weights, history, checkpoints, errors."""

import json
import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe
from mnist_study.lockstep import loop, seeds
from mnist_study.lockstep.networks import Networks
from mnist_study.lockstep.training import Training
from mnist_study.running import pool
from mnist_study.tools.golden import trainings
from mnist_study.tools.golden.made import images
from mnist_study.tools.golden.operations import SCHEDULES
from mnist_study.train.messages import Note, Progress, Replica
from mnist_study.train.replica import train_one
from tests.support import ROOT
from tests.support.tiny import write_tiny_mnist
from tests.train.test_training import ROTATE

SPLITS = images("training", 11, 20), {"test": images("test", 5, 20)}
SMALL = {"architecture": "champion", "model": {"layout": "2 pool 2 again"}, "batch_size": 4, "seeds": (0, 1, 2)}
SEVERAL = {"ema": 0.5, "nesterov": True, "weight_decay": 1e-3, "label_smoothing": 0.1, "anneal_epochs": 1}
Report = Callable[[Progress | Note], None]


@pytest.fixture
def small() -> Recipe:
    return replace(trainings.BASE, **SMALL)


def files(folder: Path, recipe: Recipe) -> list[Path]:
    return [folder / f"seed-{seed}.checkpoint" for seed in recipe.seeds]


def together(recipe: Recipe, report: Report = lambda message: None, folder: Path | None = None) -> list[Replica]:
    paths = None if folder is None else files(folder, recipe)
    return seeds.train_seeds(recipe, recipe.seeds, ROTATE, *SPLITS, report, paths)


def alone(recipe: Recipe, seed: int, report: Report = lambda message: None, path: Path | None = None) -> Replica:
    return train_one(recipe, seed, ROTATE, *SPLITS, report, path)


def stop_after(epochs: int, seed: int = 0) -> Report:
    def report(message: Progress | Note) -> None:
        if isinstance(message, Progress) and message.epoch_ended and (message.epoch, message.seed) == (epochs, seed):
            raise InterruptedError

    return report


@pytest.mark.parametrize("scheduler", [*SCHEDULES, "several"])
def test_seeds_together_are_each_as_alone(scheduler: str, small: Recipe, monkeypatch: pytest.MonkeyPatch):
    """History, weights and messages, with dropout in the last."""
    monkeypatch.setattr(loop, "PROGRESS_STEPS", 2)
    monkeypatch.setattr("mnist_study.train.loop.PROGRESS_STEPS", 2)
    changes = SEVERAL if scheduler == "several" else {"scheduler": scheduler, "scheduler_options": SCHEDULES[scheduler]}
    recipe = replace(small, **changes, seeds=(0, 1))
    if scheduler == "several":
        recipe = replace(recipe, architecture="two_pool", model={"dropout": 0.2}, epochs=1)
    messages: list[Progress | Note] = []
    for replica in together(recipe, messages.append):
        signs: list[Progress | Note] = []
        assert replica == alone(recipe, replica.seed, signs.append)
        assert [each for each in messages if isinstance(each, Progress) and each.seed == replica.seed] == signs


def test_a_checkpoint_goes_from_either_to_the_other(small: Recipe, tmp_path: Path):
    small = replace(small, epochs=3, **SEVERAL, scheduler="plateau", scheduler_options=SCHEDULES["plateau"])
    expected = [alone(small, seed) for seed in small.seeds]
    with pytest.raises(InterruptedError):
        together(small, stop_after(1, seed=1), tmp_path)  # seed 2 is an epoch behind
    assert [path.exists() for path in files(tmp_path, small)] == [True, True, False]
    with pytest.raises(InterruptedError):
        alone(small, 0, stop_after(2), tmp_path / "seed-0.checkpoint")
    notes: list[Progress | Note] = []
    assert together(small, notes.append, tmp_path) == expected
    lines = [note.text.rpartition(": ")[2] for note in notes if isinstance(note, Note)]
    assert lines == ["resumed after epoch 2", "resumed after epoch 1"]
    finished: list[Progress | Note] = []
    assert alone(small, 2, finished.append, tmp_path / "seed-2.checkpoint") == expected[2]
    assert finished == [Note(f"{tmp_path / 'seed-2.checkpoint'}: resumed after epoch 3")]  # and nothing is trained


def test_a_gpus_checkpoint_is_a_processors(small: Recipe, tmp_path: Path):
    begun = [
        Training.begin(replace(small, device=device), 0, ROTATE, *SPLITS, tmp_path / "file", print)
        for device in ("cpu", "cuda")
    ]
    identities = {each.checkpoint.identity for each in begun if each.checkpoint}
    assert len(identities) == 1


def test_the_identity_does_not_depend_on_which_code_trains(tmp_path: Path):
    """A checkpoint's identity hashes the modules that are loaded, and a fresh process has loaded the least."""
    code = """
import sys
from dataclasses import replace
from pathlib import Path
from mnist_study.core.policy import Policy
from mnist_study.train import replica
from mnist_study.train.checkpoint import Checkpoint
from mnist_study.core.recipe import Recipe
folder = Path(sys.argv[1])
recipe = Recipe.read(folder / "recipe.json")
Checkpoint.restore = lambda self, state: sys.exit(print(self.identity))
splits = replica.read_splits(recipe, folder / "mnist")
policy = Policy(0.1, 0.3, {})
if sys.argv[2] == "together":
    from mnist_study.lockstep.seeds import train_seeds
    train_seeds(recipe, recipe.seeds, policy, *splits, print, [folder / "file"])
replica.train_one(recipe, 0, policy, *splits, print, folder / "file")
"""
    write_tiny_mnist(tmp_path / "mnist")
    (tmp_path / "recipe.json").write_text(replace(trainings.BASE, **SMALL).to_json())
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), how], stdout=subprocess.PIPE, cwd=ROOT)
        for how in ("together", "alone")
    ]
    first, second = (process.communicate()[0] for process in running)
    assert first == second != b""


def test_too_little_memory_halves_the_group_and_loses_nothing(small: Recipe, monkeypatch: pytest.MonkeyPatch):
    real, sizes = Networks.step, list[int]()

    def step(networks: Networks, *arguments: Any) -> None:
        sizes.append(networks.count)
        if networks.count > 1 and len(sizes) > 4:  # in the second epoch
            raise torch.OutOfMemoryError("CUDA out of memory")
        real(networks, *arguments)

    expected = together(small)
    monkeypatch.setattr(Networks, "step", step)
    notes: list[Progress | Note] = []
    assert together(small, notes.append) == expected
    assert [note.text for note in notes if isinstance(note, Note)] == [
        "variants.golden: not enough memory for 3 networks at once; 2 from now on",
        "variants.golden: not enough memory for 2 networks at once; 1 from now on",
    ]
    assert sizes == [3] * 5 + [2] + [1] * 9  # of six steps each, three were done


def test_networks_that_differ_in_numbers_train_together(small: Recipe):
    recipes = [replace(small, epochs=1), replace(small, epochs=1, variant="other", lr=0.2, scheduler="one_cycle")]
    recipes[1] = replace(recipes[1], scheduler_options=SCHEDULES["one_cycle"], anneal_epochs=1)
    begun = [Training.begin(each, 7, ROTATE, *SPLITS, None, print) for each in recipes]
    assert (
        loop.kind(recipes[0], ROTATE)
        == loop.kind(recipes[1], ROTATE)
        != loop.kind(replace(recipes[0], momentum=0.8), ROTATE)
    )
    loop.train(begun, *SPLITS, lambda message: None)
    assert [each.replica() for each in begun] == [alone(recipe, 7) for recipe in recipes]


def test_a_network_that_diverges_ends_all_in_the_line_that_it_has_alone(small: Recipe):
    small = replace(small, lr=1e25, scheduler="one_cycle", scheduler_options=SCHEDULES["one_cycle"])
    lines = []
    for train in (lambda: alone(small, 0), lambda: together(small)):
        with pytest.raises(UserError, match=r"^variants\.golden: seed 0, epoch 1, step \d: a value") as caught:
            train()
        lines.append(str(caught.value))
    assert lines[0] == lines[1]


def test_a_batch_of_one_value_names_the_key(small: Recipe):
    small = replace(small, batch_size=10, model={"layout": "2 pool 2 pool 2 pool 2 pool 2"})
    with pytest.raises(UserError, match=r"^variants\.golden\.batch_size: 10 given; a batch norm has 1 of 1 x 1 values"):
        together(small)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(small: Recipe):
    with pytest.raises(UserError, match=r"^variants\.golden\.device: cuda given; torch finds no GPU here, which"):
        together(replace(small, device="cuda"))


def test_on_a_gpu_one_process_trains_all_seeds(
    small: Recipe, tmp_path: Path, tiny_mnist: Path, monkeypatch: pytest.MonkeyPatch
):
    assert [pool.in_lockstep(replace(small, device=device)) for device in ("cpu", "cuda")] == [False, True]
    monkeypatch.setattr(pool, "in_lockstep", lambda recipe: True)
    monkeypatch.setattr(pool, "_end_with_parent", lambda: None)
    begun: list[tuple[int, ...]] = []

    def start(recipe: Recipe, seeds: tuple[int, ...], *rest: Any) -> tuple[Any, Any]:
        """In this process, after which the messages wait in the pipe."""
        begun.append(seeds)
        receiver, sender = multiprocessing.Pipe(duplex=False)
        pool._work(sender, recipe, seeds, *rest)
        ended = multiprocessing.get_context("spawn").Process(target=int)
        ended.start()
        return receiver, ended

    monkeypatch.setattr(pool, "_start", start)
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(asdict(ROTATE)))
    monkeypatch.setattr("mnist_study.train.replica.read_splits", lambda *arguments: SPLITS)
    trained = pool.train_all(small, policy, tiny_mnist, tmp_path, lambda message: None)
    assert begun == [small.seeds]
    assert trained == together(small)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")
@pytest.mark.gpu
def test_a_gpu_trains_together_to_the_bytes_of_a_processor(small: Recipe, tmp_path: Path):
    """By graphs; and it goes on where a processor stopped."""
    small = replace(small, **SEVERAL, architecture="two_pool", model={"dropout": 0.2})
    with pytest.raises(InterruptedError):
        alone(small, 1, stop_after(1, seed=1), tmp_path / "seed-1.checkpoint")
    trained = together(replace(small, device="cuda"), folder=tmp_path)
    expected = [alone(small, seed) for seed in small.seeds]
    assert [(each.weights, each.history) for each in trained] == [(each.weights, each.history) for each in expected]
