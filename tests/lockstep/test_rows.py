"""`make study GPU=1`: rows train together, and what they leave is all that their stages need."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe
from mnist_study.lockstep import loop
from mnist_study.tools.golden import trainings
from mnist_study.tools.golden.made import images
from mnist_study.tools.parallel import gpu
from mnist_study.train.messages import Note, Progress
from mnist_study.train.replica import train_one
from tests.train.test_training import ROTATE

SPLITS = images("training", 11, 20), {"test": images("test", 5, 20)}


@pytest.fixture
def rows() -> list[Recipe]:
    small = replace(trainings.BASE, architecture="champion", model={"layout": "2 pool 2"}, batch_size=4)
    first, second = replace(small, variant="first", seeds=(0, 1)), replace(small, variant="second", lr=0.1, seeds=(2,))
    other = replace(small, variant="other", batch_size=6, augmentation="rotate", seeds=(0,))
    return [first, replace(second, augmentation="rotate"), other, replace(small, variant="float", engine="torch")]


def test_stages_have_nothing_left_to_train(
    rows: list[Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    policies = {"plain": replace(ROTATE, ranges={}, kinds={}), "rotate": ROTATE}
    for name, policy in policies.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(asdict(policy)))
    monkeypatch.setattr(gpu, "read_splits", lambda *arguments: SPLITS)
    gpu.train(rows, tmp_path, tmp_path, tmp_path, device="cpu")
    lines = [line.rpartition(", ")[0] for line in capsys.readouterr().out.splitlines()]
    kinds = ("champion, batch size 4, 3 at once", "champion, batch size 6, 1 at once")
    assert lines == [f"{kind}, epoch {epoch}/2" for kind in kinds for epoch in (1, 2)]
    for recipe in rows[:3]:
        for seed in recipe.seeds:
            path = tmp_path / recipe.variant / f"seed-{seed}.checkpoint"
            messages: list[Progress | Note] = []
            stage = train_one(recipe, seed, policies[recipe.augmentation], *SPLITS, messages.append, path)
            assert messages == [Note(f"{path}: resumed after epoch 2")]
            assert stage == train_one(recipe, seed, policies[recipe.augmentation], *SPLITS, messages.append)
    assert not (tmp_path / "float").exists()


def test_the_rows_of_a_table_with_one_batch_size_train_together(rows: list[Recipe]):
    assert len({loop.kind(each, ROTATE) for each in rows[:2]}) == 1
    assert len({loop.kind(each, ROTATE) for each in rows[:3]}) == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(rows: list[Recipe]):
    with pytest.raises(UserError, match=r"^GPU: given; torch finds no GPU here$"):
        gpu.train(rows)
