"""What the `transforms` stage makes: the measured mean and deviation, the policy's file and its contact sheet."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from mnist_study.augmentation import augment, with_kinds
from mnist_study.core.errors import UserError
from mnist_study.core.mnist import Split
from mnist_study.core.policy import Policy, Range
from mnist_study.transforms.contact_sheet import describe, draw_sheet, first_of_each_class
from mnist_study.transforms.normalisation import CHUNK, measure
from stages import transforms

PLAIN = Policy(0.5, 0.25, {})
TURNING = with_kinds(Policy(0.5, 0.25, {"rotation": (-7.0, 7.0), "scale": (0.9, 1.1)}))
FOGGY = with_kinds(Policy(0.5, 0.25, {"noise": (0.0, 0.2), "blur": (0.25, 1.0)}))


@pytest.fixture(scope="module")
def split():
    """Forty images of random bytes; labels from 9 down to 0, four times over."""
    images = torch.randint(0, 256, (40, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return Split(images, torch.arange(40).flip(0) % 10)


@pytest.mark.parametrize("count", [1, 7, CHUNK, CHUNK + 1])
def test_measure_agrees_with_numpy(count):
    images = np.random.default_rng(count).integers(0, 200, (count, 28, 28), np.uint8)
    shares = images.astype(np.float64) / 255
    assert measure(torch.from_numpy(images)) == (round(shares.mean(), 4), round(shares.std(), 4))


def test_measure_by_hand():
    assert measure(torch.tensor([[[0, 255]], [[0, 0]]], dtype=torch.uint8)) == (0.25, 0.433)  # sqrt(3) / 4


@pytest.mark.parametrize("images", [torch.zeros(3, 28, 28), torch.full((2, 28, 28), 9), torch.zeros(0, 28, 28)])
def test_measure_refuses_what_has_no_spread(images):
    with pytest.raises(UserError, match="all their pixels are equal"):
        measure(images.to(torch.uint8))


def test_first_of_each_class(split):
    places = first_of_each_class(split)
    assert split.labels[places].tolist() == [digit for digit in range(10) for _ in range(2)]
    assert places[:4].tolist() == [9, 19, 8, 18]


@pytest.mark.parametrize("policy", [PLAIN, TURNING])
def test_sheet_of_other_images_has_the_classes_that_are_there(policy):
    """Of 5 classes one has no image and one a single one, which stands for both."""
    labels = torch.tensor([0, 0, 1, 3, 3, 4, 4])
    split = Split(torch.arange(7 * 20 * 20).view(7, 20, 20).to(torch.uint8), labels)
    assert first_of_each_class(split).tolist() == [0, 1, 2, 2, 3, 4, 5, 6]
    with Image.open(io.BytesIO(draw_sheet("other", policy, split))) as sheet:
        assert sheet.height == 92 + (2 if policy is PLAIN else 4) * 59 + 18


@pytest.mark.parametrize("policy", [PLAIN, TURNING, FOGGY])
def test_sheet_is_the_same_bytes_twice(split, policy):
    sheet = draw_sheet("some policy", policy, split)
    assert draw_sheet("some policy", policy, split) == sheet
    assert len(sheet) < 200_000
    assert Image.open(io.BytesIO(sheet)).info == {}  # no date, no software


def test_sheet_begins_with_the_original(split):
    sheet = np.asarray(Image.open(io.BytesIO(draw_sheet("turning", TURNING, split))))
    original = split.images[first_of_each_class(split)[0]].numpy()
    assert (sheet[92:148:2, 18:74:2] == original).all()


def test_plain_sheet_shows_the_originals_once(split):
    plain, turning = (Image.open(io.BytesIO(draw_sheet("p", policy, split))) for policy in (PLAIN, TURNING))
    assert plain.size[0] * plain.size[1] < turning.size[0] * turning.size[1] / 4
    assert describe(PLAIN) == []


def test_ranges_in_words():
    ranges: dict[str, Range] = {
        "rotation": (-7.0, 7.0),
        "translation_x": (-0.07, 0.07),
        "translation_y": (-0.05, 0.1),
        "scale": (0.9, 1.1),
        "shear_x": (-5.0, 2.5),
        "contrast": (0.8, 1.2),
    }
    assert describe(with_kinds(Policy(0.5, 0.25, ranges))) == [
        "rotation ±7°",
        "shift across ±7 %",
        "shift down -5 to 10 %",
        "scale 0.9 to 1.1 times",
        "shear x -5 to 2.5°",
        "contrast 0.8 to 1.2 times",
    ]
    assert describe(FOGGY) == ["blur 0.25 to 1 pixels", "noise 0 to 20 %"]


def test_sheet_shows_what_the_engine_exact_learns_from(split):
    """The first version of the first digit, its noise included, beside the original."""
    sheet = np.asarray(Image.open(io.BytesIO(draw_sheet("foggy", FOGGY, split))))
    first = split.images[first_of_each_class(split)[:1]]
    (pixels,) = augment(first, torch.tensor([0]), FOGGY, 0, 1)
    left = 18 + 59 + 12
    assert (sheet[92:148:2, left : left + 56 : 2] == ((pixels + 64) // 128).numpy()).all()


@pytest.mark.parametrize("policy", [PLAIN, TURNING, FOGGY])
def test_stage_writes_policy_and_sheet(split, tmp_path, monkeypatch, policy):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(transforms, "training_split", lambda _folder: split)
    (tmp_path / "build/policies").mkdir(parents=True)
    (tmp_path / "build/policies/some.json").write_text(json.dumps({"ranges": policy.ranges}))
    transforms.main("some")
    written = tmp_path / "data/transforms/some.json"
    mean, sd = measure(split.images)
    assert Policy.read(written) == Policy(mean, sd, policy.ranges, policy.kinds)
    assert ("kinds" in json.loads(written.read_text())) == (policy != PLAIN)
    assert written.read_text() == json.dumps(json.loads(written.read_text()), indent=2, sort_keys=True) + "\n"
    assert written.with_suffix(".png").read_bytes() == draw_sheet("some", Policy.read(written), split)


def test_stage_names_the_missing_policy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"build/policies/other\.json: there is no such policy"):
        transforms.main("other")
