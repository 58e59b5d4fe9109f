"""Training that was cut off and resumed gives the bytes of training that was not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mnist_study.core import files
from mnist_study.core.mnist import Split
from mnist_study.core.recipe import Recipe
from mnist_study.train import checkpoint, environment
from mnist_study.train.messages import Note, Progress, Replica
from mnist_study.train.replica import read_splits, train_one
from tests.train.test_training import ROTATE

SCHEDULES: dict[str, dict[str, Any]] = {
    "constant": {},
    "step": {"step_size": 1, "gamma": 0.5},
    "plateau": {"factor": 0.5, "patience": 0, "threshold": 0.5},
    "one_cycle": {"pct_start": 0.3, "div_factor": 25, "final_div_factor": 10000},
}


class CutError(Exception):
    pass


def run(recipe: Recipe, images: Path, path: Path | None, cut_after: int | None = None) -> tuple[Replica, list[str]]:
    """Train seed 0, or raise CutError after an epoch; give the notes on checkpoints as well."""
    notes = []

    def report(message: Progress | Note) -> None:
        if isinstance(message, Note):
            notes.extend([message.text] if ".checkpoint: " in message.text else [])
        elif message.epoch_ended and message.epoch == cut_after:
            raise CutError

    return train_one(recipe, 0, ROTATE, *read_splits(recipe, images), report, path), notes


def cut(recipe: Recipe, images: Path, path: Path, epoch: int) -> None:
    with pytest.raises(CutError):
        run(recipe, images, path, cut_after=epoch)


@pytest.mark.parametrize(
    ("scheduler", "engine"),
    [
        ("plateau", "torch"),
        pytest.param("plateau", "exact", marks=pytest.mark.slow),
        pytest.param("one_cycle", "exact", marks=pytest.mark.slow),
        pytest.param("one_cycle", "torch", marks=pytest.mark.slow),
        pytest.param("step", "torch", marks=pytest.mark.slow),
    ],
)
def test_resumed_after_any_epoch_gives_the_same_bytes(
    recipe: Recipe, tiny_mnist: Path, tmp_path: Path, scheduler: str, engine: str
):
    recipe = replace(
        recipe,
        engine=engine,
        model={"dropout": 0.05},
        epochs=3,
        scheduler=scheduler,
        scheduler_options=SCHEDULES[scheduler],
        ema=0.9,
        weight_decay=1e-4,
        anneal_epochs=1,
    )
    whole, notes = run(recipe, tiny_mnist, None)
    assert (notes, whole.engine) == ([], engine)
    path = tmp_path / "seed-0.checkpoint"
    for epoch in (1, 2):
        cut(recipe, tiny_mnist, path, epoch)
        resumed, notes = run(recipe, tiny_mnist, path)
        assert notes == [f"{path}: resumed after epoch {epoch}"]
        assert resumed == whole
        path.unlink()


@pytest.mark.slow
def test_a_network_that_uses_a_convolution_again_is_resumed(recipe: Recipe, tiny_mnist: Path, tmp_path: Path):
    layout = {"layout": "8 8 again pool 8"}
    recipe = replace(recipe, architecture="champion", model=layout, engine="exact", ema=0.9)
    path = tmp_path / "seed-0.checkpoint"
    cut(recipe, tiny_mnist, path, 1)
    assert run(recipe, tiny_mnist, path)[0] == run(recipe, tiny_mnist, None)[0]


def test_cut_again_and_again_without_an_average(recipe: Recipe, tiny_mnist: Path, tmp_path: Path):
    recipe = replace(recipe, epochs=4, nesterov=True)
    path = tmp_path / "seed-0.checkpoint"
    for epoch in (1, 2, 3):
        cut(recipe, tiny_mnist, path, epoch)
    assert run(recipe, tiny_mnist, path)[0] == run(recipe, tiny_mnist, None)[0]


def test_one_epoch_leaves_no_checkpoint(recipe: Recipe, tiny_mnist: Path, tmp_path: Path):
    run(replace(recipe, epochs=1), tiny_mnist, tmp_path / "seed-0.checkpoint")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_checkpoint_is_told_and_not_used(recipe: Recipe, tiny_mnist: Path, tmp_path: Path):
    path = tmp_path / "seed-0.checkpoint"
    cut(recipe, tiny_mnist, path, 1)
    whole = path.read_bytes()
    recipe = replace(recipe, epochs=1)
    expected = run(recipe, tiny_mnist, None)[0]
    flipped = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in (0, 64, len(whole) - 1)]
    for damaged in (b"", whole[: len(whole) // 2], *flipped):
        path.write_bytes(damaged)
        again, notes = run(recipe, tiny_mnist, path)
        assert notes == [f"{path}: damaged; training starts again"]
        assert again == expected


def test_a_checkpoint_of_another_recipe_is_told_and_not_used(recipe: Recipe, tiny_mnist: Path, tmp_path: Path):
    path = tmp_path / "seed-0.checkpoint"
    cut(replace(recipe, lr=0.01), tiny_mnist, path, 1)
    again, notes = run(recipe, tiny_mnist, path)
    assert notes == [f"{path}: of another recipe, code, data or machine; training starts again"]
    assert again == run(recipe, tiny_mnist, None)[0]


def test_other_seeds_beside_it_do_not_matter(recipe: Recipe, tiny_mnist: Path, tmp_path: Path):
    path = tmp_path / "seed-0.checkpoint"
    cut(recipe, tiny_mnist, path, 1)
    assert run(replace(recipe, seeds=(5, 0)), tiny_mnist, path)[1] == [f"{path}: resumed after epoch 1"]


def test_a_checkpoint_that_cannot_be_written_stops_nothing(
    recipe: Recipe, tiny_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write", full)
    path = tmp_path / "seed-0.checkpoint"
    replica, notes = run(recipe, tiny_mnist, path)
    assert notes == [f"{path}: cannot be written (No space left on device); a kill would lose this epoch"]
    assert len(replica.history) == 2


def test_what_only_shows_is_no_part_of_the_identity():
    import mnist_study.running.console
    import mnist_study.running.progress  # noqa: F401

    code = checkpoint._code()
    assert {"mnist_study.train.loop", "mnist_study.architectures", "mnist_study.core.recipe"} <= code.keys()
    assert not [name for name in code if "running" in name]


def facts_of_a_training(recipe: Recipe) -> dict[str, Any]:
    images = torch.arange(2 * 28 * 28).reshape(2, 28, 28).to(torch.uint8)
    splits = {"training": Split(images, torch.tensor([1, 2])), "test": Split(images[:1], torch.tensor([3]))}
    return {"recipe": recipe, "seed": 0, "policy": ROTATE, "splits": splits}


def changes(recipe: Recipe) -> dict[str, dict[str, Any]]:
    """What decides the bytes of a training, each changed alone."""
    splits = facts_of_a_training(recipe)["splits"]
    pixel = splits["training"].images.clone()
    pixel[0, 0, 0] += 1
    return {
        "another recipe": {"recipe": replace(recipe, momentum=0.8)},
        "another seed": {"seed": 1},
        "another policy": {"policy": replace(ROTATE, sd=0.26)},
        "another pixel": {"splits": {**splits, "training": Split(pixel, splits["training"].labels)}},
        "another label": {"splits": {**splits, "training": Split(splits["training"].images, torch.tensor([1, 3]))}},
        "another observed label": {"splits": {**splits, "test": Split(splits["test"].images, torch.tensor([4]))}},
        "another engine": {"recipe": replace(recipe, engine="exact")},
    }


def test_whatever_decides_the_bytes_is_part_of_the_identity(recipe: Recipe, monkeypatch: pytest.MonkeyPatch):
    facts = facts_of_a_training(recipe)
    found = {"as it was": checkpoint.identity(**facts)}
    assert checkpoint.identity(**facts) == found["as it was"]
    assert checkpoint.identity(**{**facts, "recipe": replace(recipe, seeds=(7, 0))}) == found["as it was"]
    found |= {name: checkpoint.identity(**{**facts, **change}) for name, change in changes(recipe).items()}
    code = checkpoint._code()
    edited = {"mnist_study.train.loop": "0" * 64}
    for name, module, part, other in (
        ("other code", checkpoint, "_code", lambda: code | edited),
        ("another processor", environment, "cpuinfo", lambda *keys: ["another"]),
        ("other packages", environment.metadata, "version", lambda name: "9.9"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, part, other)
            found[name] = checkpoint.identity(**facts)
    assert len(set(found.values())) == len(found) == 11


def test_the_code_is_known_by_its_content(monkeypatch: pytest.MonkeyPatch):
    read = Path.read_bytes
    before = checkpoint._code()
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"#" * (path.name == "loop.py"))
    after = checkpoint._code()
    assert {name for name in before if before[name] != after[name]} == {"mnist_study.train.loop"}
