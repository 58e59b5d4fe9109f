"""Seeds side by side: the same bytes as one alone, and every way of failing is told."""

import json
import multiprocessing
import os
import signal
import traceback
from dataclasses import asdict, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from mnist_study.core.errors import UserError
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.running import console, pool
from mnist_study.train import replica
from mnist_study.train.messages import Note, Progress, Replica
from mnist_study.train.replica import read_splits, train_one
from tests.train.test_training import ROTATE


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "rotate.json"
    path.write_text(json.dumps(asdict(ROTATE)))
    return path


def train_all(recipe: Recipe, policy: Path, images: Path, report: pool.Report = lambda sign: None) -> list[Replica]:
    return pool.train_all(recipe, policy, images, policy.parent / "checkpoints", report)


@pytest.mark.slow
def test_side_by_side_gives_what_each_gives_alone(recipe: Recipe, policy: Path, tiny_mnist: Path):
    signs: list[Progress | Note] = []
    together = train_all(replace(recipe, seeds=(1, 0)), policy, tiny_mnist, signs.append)
    assert [replica.seed for replica in together] == [1, 0]
    assert {sign.seed for sign in signs if isinstance(sign, Progress)} == {0, 1}
    alone = train_one(recipe, 1, ROTATE, *read_splits(recipe, tiny_mnist), lambda sign: None)
    assert together[0] == alone
    assert (alone.engine, alone.precision, alone.parameters) == ("torch", "fp32", 6290)


@pytest.mark.slow
def test_more_seeds_than_workers_keep_their_order(
    recipe: Recipe, policy: Path, tiny_mnist: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MNIST_STUDY_WORKERS", "1")
    recipe = replace(recipe, seeds=(1, 0), epochs=1)
    assert [replica.seed for replica in train_all(recipe, policy, tiny_mnist)] == [1, 0]


def test_as_many_at_once_as_there_are_workers_and_the_last_may_end_first(
    recipe: Recipe, policy: Path, tiny_mnist: Path, monkeypatch: pytest.MonkeyPatch
):
    running: list[int] = []
    most: list[int] = []

    def start(recipe: Recipe, seeds: tuple[int, ...], *paths: Path) -> tuple[Connection, BaseProcess]:
        running.extend(seeds)
        most.append(len(running))
        ended = multiprocessing.get_context("spawn").Process(target=int)
        ended.start()
        return multiprocessing.Pipe(duplex=False)[0], ended

    def receive(receiver: Connection, recipe: Recipe, seeds: tuple[int, ...], process: BaseProcess) -> Replica:
        running.remove(seeds[0])
        return Replica(seeds[0], b"", [], 0, "torch", "fp32", {})

    monkeypatch.setattr(pool, "workers", lambda: 2)
    monkeypatch.setattr(pool, "_start", start)
    monkeypatch.setattr(pool, "_receive", receive)
    monkeypatch.setattr(pool, "wait", lambda connections: connections[-1:])
    together = train_all(replace(recipe, seeds=(3, 1, 2)), policy, tiny_mnist)
    assert [replica.seed for replica in together] == [3, 1, 2]
    assert max(most) == 2


def test_workers_are_the_cores_of_this_process_or_fewer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    for given, expected in {"": 3, "2": 2, "64": 3}.items():
        monkeypatch.setenv("MNIST_STUDY_WORKERS", given)
        assert pool.workers() == expected
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert pool.workers() == 1


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5", " "])
def test_workers_that_are_no_number_are_one_line(given: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MNIST_STUDY_WORKERS", given)
    with pytest.raises(UserError, match=rf"^MNIST_STUDY_WORKERS: {given!r} given; allowed is a whole number from 1$"):
        pool.workers()


def test_a_validation_split_is_observed_and_not_learnt(recipe: Recipe, tiny_mnist: Path):
    signs: list[Progress | Note] = []
    recipe = replace(recipe, validation=128, epochs=1)
    replica = train_one(recipe, 0, ROTATE, *read_splits(recipe, tiny_mnist), signs.append)
    assert {"validation_accuracy", "validation_loss", "test_accuracy"} <= set(replica.history[0])
    assert isinstance(signs[-1], Progress)
    assert signs[-1].images == signs[-1].total == 640 - 128


def test_a_diverging_seed_ends_it_in_one_line(recipe: Recipe, policy: Path, tiny_mnist: Path):
    with pytest.raises(UserError, match="a value is not finite") as caught:
        train_all(replace(recipe, seeds=(0,), lr=1e30), policy, tiny_mnist)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.slow
def test_a_missing_policy_is_named(recipe: Recipe, tiny_mnist: Path, tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"none\.json"):
        train_all(recipe, tmp_path / "none.json", tiny_mnist)


@pytest.mark.slow
def test_a_killed_process_is_named(recipe: Recipe, policy: Path, tiny_mnist: Path):
    def kill(sign: Progress | Note) -> None:
        for child in multiprocessing.active_children():
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(UserError, match=r"^variants\.tiny: the process of seed 0 was killed by SIGKILL$"):
        train_all(replace(recipe, seeds=(0,), epochs=50), policy, tiny_mnist, kill)


def work_that_raises(
    error: Exception, recipe: Recipe, policy: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> Exception:
    """What a process sends whose training raises this."""

    def train_one(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(replica, "train_one", train_one)
    monkeypatch.setattr(pool, "_end_with_parent", lambda: None)
    receiver, sender = multiprocessing.Pipe(duplex=False)
    pool._work(sender, recipe, (0,), policy, images, Path("none"), 1)
    return receiver.recv()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    ],
)
def test_too_little_memory_is_one_line(
    error: Exception, recipe: Recipe, policy: Path, tiny_mnist: Path, monkeypatch: pytest.MonkeyPatch
):
    sent = work_that_raises(error, recipe, policy, tiny_mnist, monkeypatch)
    assert str(sent).startswith("seed 0: not enough memory; fewer seeds at once (MNIST_STUDY_WORKERS=1)")


def test_torch_says_that_memory_is_missing_in_the_words_that_are_looked_for():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert pool.is_out_of_memory(caught.value)


def test_another_error_that_speaks_of_memory_is_let_through(
    recipe: Recipe, policy: Path, tiny_mnist: Path, monkeypatch: pytest.MonkeyPatch
):
    error = RuntimeError("CUDA error: an illegal memory access was encountered")
    with pytest.raises(RuntimeError, match="illegal memory access"):
        work_that_raises(error, recipe, policy, tiny_mnist, monkeypatch)


@pytest.mark.parametrize("error", [MemoryError(), UserError("a mistake"), OSError(28, "No space left", "file")])
def test_debug_shows_the_traceback_of_the_process(
    error: Exception, recipe: Recipe, policy: Path, tiny_mnist: Path, monkeypatch: pytest.MonkeyPatch
):
    sent = work_that_raises(error, recipe, policy, tiny_mnist, monkeypatch)
    monkeypatch.setenv("MNIST_STUDY_DEBUG", "1")
    with pytest.raises(type(sent)) as caught, console.plain_errors():
        raise sent
    shown = "".join(traceback.format_exception(caught.value))
    assert "in train_one\n    raise error\n" in shown


@pytest.mark.parametrize("sent", [b"", b"\x00\x00", b"\x00\x00\x00\x09half", b"\x00\x00\x00\x04none"])
def test_a_process_that_ends_between_or_within_messages_is_named(recipe: Recipe, sent: bytes):
    process = multiprocessing.get_context("spawn").Process(target=int)
    process.start()
    process.join()
    receiver, sender = multiprocessing.Pipe(duplex=False)
    os.write(sender.fileno(), sent)
    sender.close()
    with pytest.raises(UserError, match=r"^variants\.tiny: the process of seed 0 ended with exit status 0$"):
        pool._receive(receiver, recipe, (0,), process)


def test_a_recipe_survives_its_file(recipe: Recipe, tmp_path: Path):
    path = tmp_path / "tiny.json"
    path.write_text(recipe.to_json())
    assert Recipe.read(path) == recipe
    with pytest.raises(UserError, match="no such variant"):
        Recipe.read(tmp_path / "other.json")
    path.write_text(recipe.to_json().replace('"nesterov"', '"precision"'))
    with pytest.raises(UserError, match=r"tiny\.json: of another version, which differs in nesterov, precision; `dvc"):
        Recipe.read(path)


def test_a_policy_survives_its_file(policy: Path):
    assert Policy.read(policy) == ROTATE
