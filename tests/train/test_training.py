"""The loop: it learns, repeats itself to the byte, and stops when a value is not finite."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mnist_study import architectures
from mnist_study.augmentation import with_kinds
from mnist_study.core import files, mnist, weights
from mnist_study.core.arithmetic import scoring
from mnist_study.core.errors import UserError
from mnist_study.core.inference import logits
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.train.loop import train
from mnist_study.train.messages import Note, Progress
from mnist_study.train.replica import read_splits, train_one

ROTATE = with_kinds(Policy(mean=0.15, sd=0.25, ranges={"rotation": (-7.0, 7.0)}))


def run(recipe: Recipe, folder: Path, *, seed: int = 0, observe: bool = True, signs: list[Progress] | None = None):
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = architectures.build(recipe.architecture, **recipe.model)
    observed = {"test": mnist.test_split(folder)} if observe else {}
    report = (lambda sign: None) if signs is None else signs.append
    trained, history = train(model, recipe, seed, ROTATE, mnist.training_split(folder), observed, report)
    return weights.pack(trained), history


def test_it_learns(recipe: Recipe, tiny_mnist: Path):
    _, history = run(replace(recipe, epochs=6), tiny_mnist)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["train_loss"] < history[0]["train_loss"] / 3
    assert history[-1]["test_accuracy"] > 90


def test_torch_says_that_its_bytes_are_those_of_this_machine(recipe: Recipe, tiny_mnist: Path):
    messages: list[Progress | Note] = []
    train_one(replace(recipe, epochs=1), 0, ROTATE, *read_splits(recipe, tiny_mnist), messages.append)
    line = "variants.tiny: engine torch gives the same bytes on this kind of machine only"
    assert [message.text for message in messages if isinstance(message, Note)] == [line]


def test_not_all_images_can_be_held_out(recipe: Recipe, tiny_mnist: Path):
    training, observed = read_splits(replace(recipe, validation=639), tiny_mnist)
    assert (len(training), len(observed["validation"])) == (1, 639)
    words = r"^variants\.tiny\.validation: 640 given; allowed are fewer than the 640 training images$"
    with pytest.raises(UserError, match=words):
        read_splits(replace(recipe, validation=640), tiny_mnist)


def test_same_seed_same_bytes_and_another_seed_others(recipe: Recipe, tiny_mnist: Path):
    first = run(recipe, tiny_mnist)
    assert run(recipe, tiny_mnist) == first
    assert run(recipe, tiny_mnist, seed=1)[0] != first[0]


@pytest.mark.parametrize("architecture", ["two_pool", "dropout"])
def test_observing_changes_no_weight(recipe: Recipe, tiny_mnist: Path, architecture: str):
    recipe = replace(recipe, architecture=architecture, model={"dropout": 0.05}, epochs=1)
    assert run(recipe, tiny_mnist, observe=False)[0] == run(recipe, tiny_mnist)[0]


def test_an_averaged_network_is_the_one_observed_and_returned(recipe: Recipe, tiny_mnist: Path, tmp_path: Path):
    plain, _ = run(recipe, tiny_mnist)
    averaged, history = run(replace(recipe, ema=0.5), tiny_mnist)
    assert averaged != plain
    model = architectures.build(recipe.architecture)
    path = tmp_path / "averaged.safetensors"
    files.write(path, averaged)
    weights.load(model, path)
    test = mnist.test_split(tiny_mnist)
    measured = scoring.measure(logits(model, test.images, ROTATE), test.labels, "test")
    assert measured["test_accuracy"] == history[-1]["test_accuracy"]


def test_a_value_that_is_not_finite_stops_it_and_says_where(recipe: Recipe, tiny_mnist: Path):
    recipe = replace(recipe, lr=1e30)
    with pytest.raises(
        UserError, match=r"variants\.tiny: seed 0, epoch 1, step \d+: a value is not finite.* at learning rate 1e\+30;"
    ):
        run(recipe, tiny_mnist)


def test_signs_of_life_count_up_to_every_image(recipe: Recipe, tiny_mnist: Path):
    signs: list[Progress] = []
    _, history = run(replace(recipe, batch_size=16), tiny_mnist, signs=signs)
    assert [sign.images for sign in signs if sign.epoch == 1] == [320, 640, 640]
    assert {sign.total for sign in signs} == {640}
    assert [sign.epoch_ended for sign in signs if sign.epoch_ended] == history


def test_augmentation_fades_in_the_last_epochs(recipe: Recipe, tiny_mnist: Path):
    """With one epoch to fade the first is as ever; at strength 0 so is the last."""
    _, history = run(recipe, tiny_mnist)
    _, annealed = run(replace(recipe, anneal_epochs=1), tiny_mnist)
    assert annealed[0] == history[0]
    assert annealed[1] != history[1]
    assert run(replace(recipe, anneal_epochs=2, anneal_strength=0.0), tiny_mnist)[1] == history
