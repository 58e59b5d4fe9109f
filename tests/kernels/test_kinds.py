"""The kernels of augmentation give the reference's pixels."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_study import augmentation, kernels
from mnist_study.augmentation import with_kinds
from mnist_study.core.policy import Policy, Range
from mnist_study.kernels.kinds import KERNELS

KINDS: list[dict[str, tuple[float, float]]] = [  # the widest range of each parameter
    {
        "rotation": (-400.0, 400.0),
        "translation_x": (-1.5, 1.5),
        "translation_y": (-1.5, 1.5),
        "scale": (1e-3, 20.0),
        "shear_x": (-80.0, 80.0),
        "shear_y": (-80.0, 80.0),
    },
    {"blur": (0.0, 1.0)},
    {"brightness": (0.0, 30.0)},
    {"contrast": (0.0, 30.0)},
    {"noise": (0.0, 5.0)},
]
ALL = [{name: ends for kind in KINDS for name, ends in kind.items()}]


def images(count: int, side: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, side, side), dtype=np.uint8))


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_pixels_are_the_references(data: st.DataObject):
    widest = data.draw(st.sampled_from(KINDS + ALL))
    ranges: dict[str, Range] = {}
    for name, (low, high) in widest.items():
        ends = data.draw(st.tuples(*[st.floats(low, high)] * 2))
        ranges[name] = min(ends), max(ends)
    policy = with_kinds(Policy(0.13, 0.31, ranges))
    given_images = images(data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40)), data.draw(st.integers(0, 9)))
    numbers = torch.tensor(data.draw(st.lists(st.integers(0, 2**31), min_size=len(given_images), max_size=40)))
    numbers = numbers[: len(given_images)]
    seed, epoch = data.draw(st.integers(0, 99)), data.draw(st.integers(1, 99))
    expected = augmentation.augment(given_images, numbers, policy, seed, epoch)
    assert torch.equal(kernels.augment(given_images, numbers, policy, seed, epoch).long(), expected)


def test_each_kind_that_has_a_kernel_is_the_one_that_it_agrees_with():
    folder = Path(augmentation.__file__).parent
    files = {name: hashlib.sha256((folder / f"{name}.py").read_bytes()).hexdigest() for name in KERNELS}
    assert files == kernels.KINDS


def test_a_kind_that_was_edited_is_left_to_the_reference(monkeypatch: pytest.MonkeyPatch):
    policy = with_kinds(Policy(0.13, 0.31, {"brightness": (0.5, 1.5)}))
    given_images, numbers = images(3, 28, 0), torch.arange(3)
    assert kernels.augment(given_images, numbers, policy, 0, 1).dtype == torch.int16
    monkeypatch.setitem(kernels.KINDS, "brightness", "of another file")
    assert kernels.augment(given_images, numbers, policy, 0, 1).dtype == torch.int64
