"""A policy, and floating-point augmentation of a whole batch, with parameters of its own for every image.

For the engines `fast` and `torch`: an affine map (rotation, translation, scale, shear about the image's centre,
bilinear, black outside), then brightness, then contrast, then normalisation. Given the same parameters each agrees
with the function of that name in torchvision.transforms.v2.functional; a test holds them side by side. The engine
`exact` augments by mnist_study.augmentation.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

RANGES = (
    "rotation",
    "translation_x",
    "translation_y",
    "scale",
    "shear_x",
    "shear_y",
    "brightness",
    "contrast",
)
NEUTRAL = {"scale": 1.0, "brightness": 1.0, "contrast": 1.0}
Range = tuple[float, float]


@dataclass(frozen=True)
class Policy:
    """The ranges of augmentation: each value is uniform between its two ends.

    `rotation` and the shears are in degrees (rotation clockwise), the translations in shares of the image's side,
    `scale`, `brightness` and `contrast` are factors; other names belong to kinds in mnist_study.augmentation. `mean`
    and `sd` are of pixels between 0 and 1. `kinds` has the SHA-256 of each used kind's file, for the engine `exact`.
    """

    mean: float
    sd: float
    ranges: dict[str, Range]
    kinds: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Policy":
        """Read the file that `transforms` wrote."""
        fields = json.loads(path.read_text())
        ranges = {name: (low, high) for name, (low, high) in fields["ranges"].items()}
        return cls(fields["mean"], fields["sd"], ranges, fields.get("kinds", {}))

    def parameters(self, draws: Tensor) -> dict[str, Tensor]:
        """Turn draws in [0, 1), shape [N, 8] in the order of `RANGES`, into the parameters of N images."""
        parameters = {}
        for name, draw in zip(RANGES, draws.unbind(1), strict=True):
            low, high = self.ranges[name]
            parameters[name] = low + (high - low) * draw
        return parameters

    def annealed(self, strength: float) -> "Policy":
        """Shrink every range toward no change: strength 0 leaves it as it is, 1 leaves no augmentation."""
        ranges = {}
        for name, ends in self.ranges.items():
            neutral = NEUTRAL.get(name, 0.0)
            low, high = (neutral + (1 - strength) * (end - neutral) for end in ends)
            ranges[name] = low, high
        return replace(self, ranges=ranges)

    def ends(self, name: str) -> Range:
        """Give the range of a parameter; one that is absent changes nothing."""
        neutral = NEUTRAL.get(name, 0.0)
        return self.ranges.get(name, (neutral, neutral))

    def varies(self, *names: str) -> bool:
        """Tell whether any of these parameters changes an image."""
        return any(self.ends(name) != (NEUTRAL.get(name, 0.0),) * 2 for name in names)


def draw(count: int, generator: torch.Generator) -> Tensor:
    """Draw for `count` images: [count, 8] in [0, 1), the same numbers whatever the policy."""
    return torch.rand(count, len(RANGES), generator=generator)


def augment(images: Tensor, policy: Policy, draws: Tensor) -> Tensor:
    """Turn uint8 images [N, 28, 28] and draws [N, 8] into normalised float images [N, 1, 28, 28]."""
    parameters = policy.parameters(draws)
    pixels = to_unit(images)
    if policy.varies("rotation", "translation_x", "translation_y", "scale", "shear_x", "shear_y"):
        pixels = warp(pixels, parameters)
    if policy.varies("brightness"):
        pixels = (pixels * _per_image(parameters["brightness"])).clamp(0, 1)
    if policy.varies("contrast"):
        factor = _per_image(parameters["contrast"])
        average = pixels.mean(dim=(1, 2, 3), keepdim=True)
        pixels = (pixels * factor + average * (1 - factor)).clamp(0, 1)
    return (pixels - policy.mean) / policy.sd


def normalise(images: Tensor, policy: Policy) -> Tensor:
    """Turn uint8 images [N, 28, 28] into normalised float images [N, 1, 28, 28], otherwise untouched."""
    return (to_unit(images) - policy.mean) / policy.sd


def to_unit(images: Tensor) -> Tensor:
    """Turn uint8 [N, H, W] into float [N, 1, H, W] between 0 and 1."""
    return images.unsqueeze(1).float() / 255


def warp(pixels: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    """Apply the affine map to [N, 1, 28, 28] by looking up where each output pixel comes from."""
    grid = _grid(_inverse_maps(parameters), pixels.shape[2])
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _grid(maps: Tensor, side: int) -> Tensor:
    """Give [N, side, side, 2]: as `F.affine_grid`, many times as fast since it needs no matrix product."""
    centres = (2 * torch.arange(side, device=maps.device) + 1) / side - 1
    across = maps[:, :, 0:1] * centres
    down = maps[:, :, 1:2] * centres + maps[:, :, 2:3]
    return (across.unsqueeze(2) + down.unsqueeze(3)).permute(0, 2, 3, 1)  # x and y apart in memory


def _inverse_maps(parameters: dict[str, Tensor]) -> Tensor:
    """Give [N, 2, 3] maps from output to input, in coordinates that run from -1 to 1 over the image.

    The forward map is translate * rotate * shear * scale, composed as torchvision's `affine` documents it.
    """
    angle, shear_x, shear_y = (torch.deg2rad(parameters[name]) for name in ("rotation", "shear_x", "shear_y"))
    turn = angle - shear_y
    a = turn.cos() / shear_y.cos()
    b = -turn.cos() * shear_x.tan() / shear_y.cos() - angle.sin()
    c = turn.sin() / shear_y.cos()
    d = -turn.sin() * shear_x.tan() / shear_y.cos() + angle.cos()
    scale = parameters["scale"]
    # The determinant of (a b; c d) is 1, so its inverse needs no division.
    inverse = torch.stack([torch.stack([d, -b], 1), torch.stack([-c, a], 1)], 1) / scale.view(-1, 1, 1)
    shift = 2 * torch.stack([parameters["translation_x"], parameters["translation_y"]], 1)
    return torch.cat([inverse, -inverse @ shift.unsqueeze(2)], 2)


def _per_image(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)
