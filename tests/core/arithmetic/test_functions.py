"""Own functions beside torch's; streams that look random."""

import math
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR, ReduceLROnPlateau, StepLR

from mnist_study.core.arithmetic import functions
from mnist_study.core.arithmetic.random_words import key, keys, order, uniform, words
from mnist_study.core.arithmetic.schedules import Schedule
from tests.train.test_checkpoint import SCHEDULES

ULP = 2.0**-52


def test_roots_are_correctly_rounded():
    x = torch.rand(20_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
    assert functions.square_root(x).tolist() == [math.sqrt(one) for one in x.tolist()]


def test_exp_and_log_are_within_three_units_of_the_last_place():
    x = torch.linspace(-699, 0, 200_001, dtype=torch.float64)
    assert (functions.exp(x) / x.exp() - 1).abs().max() < 3 * ULP
    x = torch.logspace(-30, 30, 200_001, dtype=torch.float64)
    assert ((functions.log(x) - x.log()).abs() <= 3 * ULP * x.log().abs().clamp_min(0.1)).all()
    assert functions.exp(torch.tensor([0.0], dtype=torch.float64)).item() == 1.0


def test_sine_and_cosine_are_right_to_the_last_places():
    degrees = torch.linspace(-720, 720, 100_001, dtype=torch.float64)
    sine, cosine = functions.sine_and_cosine(degrees)
    radians = torch.deg2rad(degrees)
    assert (sine - radians.sin()).abs().max() < 4e-15  # of which most is the rounding of radians
    assert (cosine - radians.cos()).abs().max() < 4e-15
    right = torch.tensor([0.0, 90.0, 180.0, 270.0, -90.0], dtype=torch.float64)
    assert [part.tolist() for part in functions.sine_and_cosine(right)] == [[0, 1, 0, -1, -1], [1, 0, -1, 0, 0]]


def test_words_are_uniform_and_independent_of_their_neighbours():
    """Chi-square with 255 degrees of freedom; its 0.9999 quantile is 349."""
    count = 1 << 18
    for stream in (key("test", 0), key("test", 1), keys(key("test"), torch.tensor(5))):
        drawn = words(stream, torch.arange(count))
        for shift in (0, 8, 16, 24):
            byte = (drawn >> shift) & 255
            pair = (byte[:-1] >> 4) * 16 + (byte[1:] >> 4)
            for seen in (byte, pair):
                expected = len(seen) / 256
                assert ((torch.bincount(seen, minlength=256) - expected) ** 2 / expected).sum() < 349


def test_streams_of_neighbouring_keys_are_not_alike():
    first, second = keys(key("test"), torch.arange(2000))
    drawn = words((first.view(-1, 1), second.view(-1, 1)), torch.arange(200).view(1, -1))
    bits = (drawn.unsqueeze(2) >> torch.arange(32) & 1).double().flatten(1) - 0.5
    correlation = (bits[1:] * bits[:-1]).mean(1) * 4
    assert correlation.abs().max() < 6 / math.sqrt(bits.shape[1])
    assert abs(correlation.mean()) < 5 / math.sqrt(bits.numel())


def test_an_order_has_each_number_once():
    shuffled = order(1000, key("order", 0, 1))
    assert torch.equal(shuffled.sort().values, torch.arange(1000))
    assert (shuffled == torch.arange(1000)).sum() < 8
    assert uniform(key("x"), torch.arange(100)).min() >= 0


def torchs(name: str, options: dict[str, Any], sgd: torch.optim.SGD) -> LRScheduler:
    """For six epochs of five steps."""
    match name:
        case "constant":
            return ConstantLR(sgd, factor=1.0)
        case "step":
            return StepLR(sgd, **options)
        case "plateau":
            return ReduceLROnPlateau(sgd, mode="min", **options)
    return OneCycleLR(sgd, max_lr=0.05, total_steps=30, cycle_momentum=False, **options)


@pytest.mark.parametrize(("name", "options"), [*SCHEDULES.items(), ("step", {"step_size": 2, "gamma": 0.1})])
def test_schedules_are_torchs(name: str, options: dict[str, Any]):
    parameter = torch.nn.Parameter(torch.zeros(1))
    sgd = torch.optim.SGD([parameter], lr=0.05)
    theirs = torchs(name, options, sgd)
    ours = Schedule(name, options, 0.05, 30)
    for epoch, loss in enumerate((2.0, 0.9, 0.8, 0.85, 0.84, 0.1), start=1):
        for step in range(5):
            ours.before_step(5 * (epoch - 1) + step)
            assert ours.rate == pytest.approx(sgd.param_groups[0]["lr"], rel=1e-12)
            sgd.step()
            if isinstance(theirs, OneCycleLR):
                theirs.step()
        ours.after_epoch(epoch, loss)
        if isinstance(theirs, ReduceLROnPlateau):
            theirs.step(loss)
        elif not isinstance(theirs, OneCycleLR):
            theirs.step()
