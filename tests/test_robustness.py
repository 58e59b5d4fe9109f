"""Accuracies on changed images and on digits set in type."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mnist_study import architectures, robustness
from mnist_study.core import weights
from mnist_study.core.errors import UserError
from mnist_study.core.mnist import Split, training_split
from mnist_study.core.mnist import test_split as read_test_split
from mnist_study.core.policy import Policy
from mnist_study.evaluate import evaluate
from mnist_study.robustness import typeset
from mnist_study.transforms import normalisation
from tests.support.tiny import TINY, write_tiny_mnist

POLICY = Policy(0.13, 0.31, {})
RECIPE = replace(TINY, architecture="one_pool", model={}, seeds=(0, 1), engine="exact")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-in images and two untrained networks."""
    top = tmp_path_factory.mktemp("robustness")
    write_tiny_mnist(top / "mnist")
    (top / "models").mkdir()
    for seed in RECIPE.seeds:
        torch.manual_seed(seed)
        model = architectures.build(RECIPE.architecture)
        (top / f"models/seed-{seed}.safetensors").write_bytes(weights.pack(model, {"arithmetic": "1"}))
    return top


def test_each_network_is_scored_under_each_change(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(robustness, "EVERY", 1)
    told = robustness.measure(RECIPE, typeset.CLASSES, folder / "mnist", folder / "models")
    assert [each.change for each in told] == [*robustness.CHANGES, robustness.TRAINING, typeset.CHANGE]
    assert {len(each.accuracies) for each in told} == {2}
    policy = replace(POLICY, **dict(zip(("mean", "sd"), measured(folder), strict=True)))
    evaluated = evaluate(RECIPE, policy, folder / "mnist", folder / "models")
    assert told[0].accuracies == [replica["test_accuracy"] for replica in evaluated.replicas]
    content = json.loads(robustness.to_json(RECIPE, told))
    assert (content["variant"], content["seeds"]) == (RECIPE.variant, [0, 1])
    assert content["conditions"][-1]["images"] == 10 * len(typeset.FONTS)


def measured(folder: Path) -> tuple[float, float]:
    return normalisation.measure(training_split(folder / "mnist").images)


def test_images_that_are_no_digits_are_not_set_in_type(folder: Path):
    told = robustness.measure(replace(RECIPE, seeds=(0,)), ["shirt", *"123456789"], folder / "mnist", folder / "models")
    assert [each.change for each in told] == [*robustness.CHANGES, robustness.TRAINING]


def test_weights_that_are_missing_are_named(folder: Path):
    with pytest.raises(UserError, match=r"seed-7.safetensors: missing; `dvc repro train@tiny` makes it"):
        robustness.measure(replace(RECIPE, seeds=(7,)), ["a"] * 10, folder / "mnist", folder / "models")


def test_every_change_changes_images_but_none_their_labels(folder: Path):
    split = read_test_split(folder / "mnist")
    for change, ranges in robustness.CHANGES.items():
        changed = robustness.changed(split, POLICY, ranges)
        assert changed.images.dtype == torch.uint8
        assert torch.equal(changed.images, split.images) == (not ranges), change
        assert torch.equal(changed.labels, split.labels)


def test_a_move_by_a_seventh_of_the_side_is_one_by_whole_pixels():
    image = torch.zeros(1, 28, 28, dtype=torch.uint8)
    image[0, 10, 12] = 200
    moved = robustness.changed(
        Split(image, torch.zeros(1)),
        POLICY,
        robustness.CHANGES["moved by a seventh of the side, to the right and down"],
    )
    assert moved.images.nonzero().tolist() == [[0, 14, 16]]
    assert moved.images.max() == 200


@pytest.mark.parametrize("side", [28, 20])
def test_digits_in_type_fill_their_box_and_lie_in_the_middle(side: int):
    images = typeset.digits(side).images.double()
    assert images.shape == (10 * len(typeset.FONTS), side, side)
    across, down = images.amax(1) > 0, images.amax(2) > 0
    longer = torch.maximum(across.sum(1), down.sum(1))
    assert ((longer - side * typeset.BOX).abs() <= 1).all()
    places, mass = torch.arange(side), images.sum((1, 2))
    for axis in (1, 2):
        centre = (images.sum(axis) * places).sum(1) / mass
        assert ((centre - (side - 1) / 2).abs() <= 0.51).all()
    assert len({image.numpy().tobytes() for image in images}) == len(images)
