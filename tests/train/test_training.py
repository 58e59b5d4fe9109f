"""The loop: it learns, repeats itself to the byte, and stops when the loss is not finite."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from mnist_study import architectures
from mnist_study.augmentation import with_kinds
from mnist_study.core import files, mnist, weights
from mnist_study.core.augmentation import NEUTRAL, RANGES, Policy, augment, draw
from mnist_study.core.errors import UserError
from mnist_study.core.inference import all_logits, logits, measure
from mnist_study.core.recipe import Recipe
from mnist_study.train import schedules
from mnist_study.train.engines import torch_engine
from mnist_study.train.engines.fast import FastEngine
from mnist_study.train.engines.torch_engine import TorchEngine
from mnist_study.train.loop import CHUNK, batches, decay_groups, train
from mnist_study.train.messages import Progress
from mnist_study.train.replica import read_splits

PLAIN = {name: (NEUTRAL.get(name, 0.0), NEUTRAL.get(name, 0.0)) for name in RANGES}
ROTATE = with_kinds(Policy(mean=0.15, sd=0.25, ranges={**PLAIN, "rotation": (-7.0, 7.0)}))


def run(recipe: Recipe, folder: Path, *, seed: int = 0, observe: bool = True, signs: list[Progress] | None = None):
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = architectures.build(recipe.architecture, **recipe.model)
    observed = {"test": mnist.test_split(folder)} if observe else {}
    report = (lambda sign: None) if signs is None else signs.append
    engine = TorchEngine(model, recipe)
    trained, history = train(model, engine, recipe, seed, ROTATE, mnist.training_split(folder), observed, report)
    return weights.pack(trained), history


def test_it_learns(recipe: Recipe, tiny_mnist: Path):
    _, history = run(replace(recipe, epochs=6), tiny_mnist)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["train_loss"] < history[0]["train_loss"] / 3
    assert history[-1]["test_accuracy"] > 90


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
    measured = measure(all_logits(partial(logits, model), test.images, ROTATE), test.labels, "test")
    assert measured["test_accuracy"] == history[-1]["test_accuracy"]


def test_a_loss_that_is_not_finite_stops_it_and_says_where(recipe: Recipe, tiny_mnist: Path):
    recipe = replace(recipe, lr=1e30)
    with pytest.raises(
        UserError, match=r"variants\.tiny: seed 0, epoch 1, step \d+: loss became (nan|inf) at learning rate 1e\+30;"
    ):
        run(recipe, tiny_mnist)


def test_weights_that_are_not_finite_stop_it_after_the_epoch(recipe: Recipe, tiny_mnist: Path):
    """The fast engine's maxima swallow what is no number, so the loss may stay finite."""
    model = architectures.build("vanilla")
    torch.nn.init.constant_(model.get_parameter("0.weight"), torch.nan)
    engine, training = FastEngine(model, recipe), mnist.training_split(tiny_mnist)
    with pytest.raises(UserError, match=r"seed 0, epoch 1, step 10: weights are no longer finite at"):
        train(model, engine, recipe, 0, ROTATE, training, {}, lambda sign: None)


def test_signs_of_life_count_up_to_every_image(recipe: Recipe, tiny_mnist: Path):
    signs: list[Progress] = []
    _, history = run(replace(recipe, batch_size=16), tiny_mnist, signs=signs)
    assert [sign.images for sign in signs if sign.epoch == 1] == [320, 640, 640]
    assert {sign.total for sign in signs} == {640}
    assert [sign.epoch_ended for sign in signs if sign.epoch_ended] == history


@pytest.mark.slow  # without bf16 instructions, on this kind of network, it takes seconds
def test_bf16_trains_too(recipe: Recipe, tiny_mnist: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch_engine, "multiplies_bf16", lambda: True)
    fp32, _ = run(replace(recipe, epochs=1), tiny_mnist)
    bf16, history = run(replace(recipe, epochs=1, precision="bf16"), tiny_mnist)
    assert bf16 != fp32
    assert history[0]["train_loss"] < 3


def test_augmentation_fades_in_the_last_epochs(recipe: Recipe, tiny_mnist: Path):
    """With one epoch to fade the first is as ever; at strength 0 so is the last."""
    _, history = run(recipe, tiny_mnist)
    _, annealed = run(replace(recipe, anneal_epochs=1), tiny_mnist)
    assert annealed[0] == history[0]
    assert annealed[1] != history[1]
    assert run(replace(recipe, anneal_epochs=2, anneal_strength=0.0), tiny_mnist)[1] == history


@pytest.mark.parametrize("size", [64, 100, 3000])
def test_batches_hand_out_every_image_once_and_as_a_batch_alone_would_be(tiny_mnist: Path, size: int):
    split = mnist.training_split(tiny_mnist)
    split = mnist.Split(split.images.repeat(4, 1, 1), torch.arange(4 * len(split)))
    given = list(batches(split, size, ROTATE, torch.Generator().manual_seed(1)))
    generator = torch.Generator().manual_seed(1)
    order = torch.randperm(len(split), generator=generator)
    draws = draw(len(split), generator)
    assert [len(labels) for _, labels in given] == [len(part) for part in order.split(size)]
    assert torch.equal(torch.cat([labels for _, labels in given]), order)
    assert len(split) > CHUNK
    for (images, labels), own in zip(given, draws.split(size), strict=True):
        torch.testing.assert_close(images, augment(split.images[labels], ROTATE, own))


def test_only_weights_decay():
    model = architectures.build("vanilla")
    decaying, other = decay_groups(model, 0.1)
    assert decaying["weight_decay"] == 0.1
    assert all(p.ndim > 1 for p in decaying["params"])
    assert all(p.ndim == 1 for p in other["params"])
    assert other["weight_decay"] == 0
    assert len(decaying["params"]) + len(other["params"]) == len(list(model.parameters()))


def learning_rates(name: str, options: dict, losses: list[float], steps: int = 4) -> list[float]:
    """The learning rate in the last step of each epoch."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = schedules.build(name, options, optimiser, epochs=len(losses), steps_per_epoch=steps)
    rates = []
    for loss in losses:
        rate = 0.0
        for _ in range(steps):
            optimiser.step()
            rate = optimiser.param_groups[0]["lr"]
            schedules.after_step(schedule)
        rates.append(rate)
        schedules.after_epoch(schedule, loss)
    return rates


def test_constant_stays():
    assert learning_rates("constant", {}, [1.0] * 8) == [0.1] * 8


def test_step_falls_every_step_size_epochs():
    rates = learning_rates("step", {"step_size": 2, "gamma": 0.1}, [1.0] * 5)
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])


def test_plateau_waits_for_the_training_loss():
    options = {"factor": 0.5, "patience": 1, "threshold": 0.0}
    assert learning_rates("plateau", options, [3.0, 2.0, 1.0, 0.5]) == [0.1] * 4
    assert learning_rates("plateau", options, [1.0, 1.0, 1.0, 1.0]) == pytest.approx([0.1, 0.1, 0.1, 0.05])


def test_one_cycle_peaks_and_ends_near_nothing():
    options = {"pct_start": 0.25, "div_factor": 10, "final_div_factor": 100}
    rates = learning_rates("one_cycle", options, [1.0] * 8)
    assert max(rates) == pytest.approx(0.1, rel=0.05)
    assert rates[-1] == pytest.approx(0.1 / 10 / 100)


def test_an_unknown_schedule_is_an_error():
    with pytest.raises(ValueError, match="cosine"):
        learning_rates("cosine", {}, [1.0])
