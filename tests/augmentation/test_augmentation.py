"""Augmentation in integers beside torchvision's, which is floating-point."""

import re
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as reference

from mnist_study import augmentation
from mnist_study.augmentation import affine, augment, blur, brightness, contrast, load, noise, with_kinds
from mnist_study.core.arithmetic.pixels import WHITE, normalised
from mnist_study.core.errors import UserError
from mnist_study.core.policy import NEUTRAL, Policy, Range
from mnist_study.tools.golden.made import images

COUNT = 200
SPLIT = images("augmentation test", COUNT)
NUMBERS = torch.arange(COUNT)
KINDS = [affine, blur, brightness, contrast, noise]
ALL: dict[str, Range] = {"noise": (0.0, 0.2), "contrast": (0.5, 1.0), "blur": (0.0, 1.0), "rotation": (-7.0, 7.0)}


def drawn(kind: ModuleType, **values: float) -> dict[str, torch.Tensor]:
    given = {name: values.get(name, NEUTRAL.get(name, 0.0)) for name in kind.PARAMETERS}
    return {name: torch.full((COUNT,), value, dtype=torch.float64) for name, value in given.items()}


def policy(**ranges: Range) -> Policy:
    return with_kinds(Policy(0.13, 0.31, ranges))


@pytest.mark.parametrize(
    "values",
    [
        {"rotation": 30.0},
        {"translation_x": 0.11, "translation_y": -0.06},
        {"scale": 0.7},
        {"shear_x": 20.0, "shear_y": -10.0},
        {"rotation": -100.0, "scale": 1.3, "translation_x": 0.2, "shear_x": 11.0},
    ],
)
def test_an_affine_map_is_torchvisions(values: dict[str, float]):
    ours = affine.apply(SPLIT.images.long() * 128, drawn(affine, **values), NUMBERS, 0, 1).double() / WHITE
    theirs = reference.affine(
        SPLIT.images.double() / 255,
        values.get("rotation", 0.0),
        [28 * values.get(name, 0.0) for name in ("translation_x", "translation_y")],
        values.get("scale", 1.0),
        [values.get(name, 0.0) for name in ("shear_x", "shear_y")],
        interpolation=InterpolationMode.BILINEAR,
    )
    assert (ours - theirs).abs().max() < 0.02  # places have 8 bits behind the point
    assert (ours - theirs).abs().mean() < 0.002


def test_nothing_drawn_is_nothing_changed():
    pixels = SPLIT.images.long() * 128
    assert torch.equal(augment(SPLIT.images, NUMBERS, policy(), 0, 1), pixels)
    for kind in KINDS:
        if kind is not noise:
            assert torch.equal(kind.apply(pixels, drawn(kind), NUMBERS, 0, 1), pixels), kind


def test_brightness_and_contrast_multiply_and_are_cut_off():
    pixels = SPLIT.images.long() * 128
    bright = brightness.apply(pixels, drawn(brightness, brightness=1.5), NUMBERS, 0, 1)
    assert (bright - (pixels * 1.5).clamp(0, WHITE)).abs().max() <= 1
    flat = contrast.apply(pixels, drawn(contrast, contrast=0.0), NUMBERS, 0, 1)
    assert (flat - pixels.double().mean((1, 2), keepdim=True)).abs().max() <= 1
    strong = contrast.apply(pixels, drawn(contrast, contrast=3.0), NUMBERS, 0, 1)
    assert strong.min() == 0
    assert strong.max() == WHITE


def test_blur_keeps_the_light_and_spreads_it_by_its_standard_deviation():
    pixels = torch.zeros(COUNT, 9, 9, dtype=torch.int64)
    pixels[:, 4, 4] = WHITE
    blurred = blur.apply(pixels, drawn(blur, blur=0.7), NUMBERS, 0, 1)[0].double()
    assert blurred.sum().item() == pytest.approx(WHITE, rel=1e-3)
    variance = (blurred.sum(0) * (torch.arange(9) - 4) ** 2).sum() / blurred.sum()
    assert variance.sqrt().item() == pytest.approx(0.7, rel=0.01)


def test_noise_has_its_standard_deviation_and_no_mean_and_differs_between_images():
    grey = torch.full((COUNT, 28, 28), WHITE // 2)
    noisy = noise.apply(grey, drawn(noise, noise=0.1), NUMBERS, 0, 1)
    difference = (noisy - grey).double() / WHITE
    assert difference.std().item() == pytest.approx(0.1, rel=0.01)
    assert difference.mean().abs() < 5 * 0.1 / difference.numel() ** 0.5
    assert not torch.equal(noisy[0], noisy[1])


def test_draws_fill_their_range_and_depend_on_image_seed_and_epoch_alone():
    dark = policy(brightness=(0.4, 0.9))
    white = torch.full((COUNT, 1, 1), 255, dtype=torch.uint8)
    first = augment(white, NUMBERS, dark, 0, 1).double() / WHITE
    assert 0.4 <= first.min() < 0.41
    assert 0.89 < first.max() <= 0.9
    assert torch.equal(first[[7]], augment(white[:1], NUMBERS[[7]], dark, 0, 1).double() / WHITE)
    for seed, epoch in ((1, 1), (0, 2)):
        assert not torch.equal(first, augment(white, NUMBERS, dark, seed, epoch) / WHITE)


def test_a_policy_names_the_kinds_it_uses_and_they_follow_in_the_order_of_the_document():
    assert policy().kinds == {}
    assert list(policy(noise=(0.1, 0.1)).kinds) == ["noise"]
    every = policy(**ALL, brightness=(0.9, 1.0))
    assert [kind.__name__.split(".")[-1] for kind in load(every)] == [kind.__name__.split(".")[-1] for kind in KINDS]
    assert sorted(every.kinds) == sorted(Path(str(kind.__file__)).stem for kind in KINDS)
    assert len({*every.kinds.values()}) == len(KINDS)


def test_kinds_are_applied_one_after_another():
    """Noise comes last, so it is not blurred."""
    both, one = policy(blur=(1.0, 1.0), noise=(0.1, 0.1)), policy(blur=(1.0, 1.0))
    blurred = augment(SPLIT.images, NUMBERS, one, 0, 1)
    expected = noise.apply(blurred, drawn(noise, noise=0.1), NUMBERS, 0, 1)
    assert torch.equal(augment(SPLIT.images, NUMBERS, both, 0, 1), expected)


def test_annealing_shrinks_blur_and_noise_to_nothing():
    """Then they are skipped, though the policy names their kinds."""
    annealed = policy(**ALL).annealed(1.0)
    assert torch.equal(augment(SPLIT.images, NUMBERS, annealed, 0, 1), SPLIT.images.long() * 128)
    assert policy(**ALL).annealed(0.5).ends("noise") == (0.0, 0.1)


def test_kinds_have_names_and_places_of_their_own():
    kinds = [*load(policy(**ALL, brightness=(0.9, 1.0)))]
    names = [name for kind in kinds for name in kind.PARAMETERS]
    assert len(names) == len(set(names))
    assert len({kind.ORDER for kind in kinds}) == len(kinds)


def test_a_range_without_a_kind_is_refused():
    """An old file of a policy names none; training must not go on without augmentation."""
    with pytest.raises(
        UserError, match=r"^augmentation: rotation given, which none of the policy's kinds has \(none\)$"
    ):
        augment(SPLIT.images, NUMBERS, Policy(0.13, 0.31, {"rotation": (-7.0, 7.0)}), 0, 1)
    with pytest.raises(UserError, match=r"^augmentation: fog given, which none of the policy's kinds has \(blur\)$"):
        policy(blur=(0.0, 1.0), fog=(0.0, 1.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 +", "cannot be imported (SyntaxError: "),
        ("ORDER = 60\nPARAMETERS = ()\n", "has no apply, so it is no kind of augmentation"),
    ],
)
def test_a_file_that_is_no_kind_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str):
    name = f"a_kind_of_{len(text)}"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(augmentation, "__path__", [*augmentation.__path__, str(tmp_path)])
    with pytest.raises(UserError, match=re.escape(f"augmentation/{name}.py: {message}")):
        policy()


def test_normalised_images_stay_within_their_bound():
    values, bound = normalised(SPLIT.images.long() * 128, 0.1307, 0.3081)
    assert (values.abs() <= bound).all()
    expected = (SPLIT.images.unsqueeze(1).double() / 255 - 0.1307) / 0.3081
    assert (values - expected).abs().max() < 1e-6
