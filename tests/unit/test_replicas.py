"""Seeds side by side: the same bytes as one alone, and every way of failing is told."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_study import replicas
from mnist_study.augmentation import Policy
from mnist_study.errors import StudyError
from mnist_study.recipe import Recipe
from mnist_study.training import Progress
from tests.unit.test_training import ROTATE


def test_side_by_side_gives_what_each_gives_alone(recipe: Recipe, tiny_mnist: Path):
    signs: list[Progress] = []
    together = replicas.train_all(replace(recipe, seeds=(1, 0)), ROTATE, tiny_mnist, signs.append)
    assert [replica.seed for replica in together] == [1, 0]
    assert {sign.seed for sign in signs} == {0, 1}
    alone = replicas.train_one(recipe, 1, ROTATE, tiny_mnist, lambda sign: None)
    assert together[0] == alone


@pytest.mark.slow
def test_more_seeds_than_cores_keep_their_order(recipe: Recipe, tiny_mnist: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    recipe = replace(recipe, seeds=(1, 0), epochs=1)
    assert [r.seed for r in replicas.train_all(recipe, ROTATE, tiny_mnist, lambda sign: None)] == [1, 0]


def test_a_validation_split_is_observed_and_not_learnt(recipe: Recipe, tiny_mnist: Path):
    signs: list[Progress] = []
    recipe = replace(recipe, validation=128, epochs=1)
    replica = replicas.train_one(recipe, 0, ROTATE, tiny_mnist, signs.append)
    assert {"validation_accuracy", "validation_loss", "test_accuracy"} <= set(replica.history[0])
    assert signs[-1].images == 640 - 128


def test_a_diverging_seed_ends_it_in_one_line(recipe: Recipe, tiny_mnist: Path):
    with pytest.raises(StudyError, match="the loss of seed") as caught:
        replicas.train_all(replace(recipe, seeds=(0,), lr=1e30), ROTATE, tiny_mnist, lambda sign: None)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.slow
def test_a_killed_process_is_named(recipe: Recipe, tiny_mnist: Path):
    import multiprocessing

    def kill(sign: Progress) -> None:
        for child in multiprocessing.active_children():
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(StudyError, match=r"variants\.tiny: the process of seed 0 died with exit status -9"):
        replicas.train_all(replace(recipe, seeds=(0,), epochs=50), ROTATE, tiny_mnist, kill)


def test_a_recipe_survives_its_file(recipe: Recipe, tmp_path: Path):
    path = tmp_path / "tiny.json"
    path.write_text(recipe.to_json())
    assert Recipe.read(path) == recipe
    with pytest.raises(StudyError, match="no such variant"):
        Recipe.read(tmp_path / "other.json")


def test_a_policy_survives_its_file(tmp_path: Path):
    path = tmp_path / "rotate.json"
    path.write_text(json.dumps({"mean": ROTATE.mean, "sd": ROTATE.sd, "ranges": ROTATE.ranges}))
    assert Policy.read(path) == ROTATE
