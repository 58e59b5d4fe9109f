"""A policy: how training images are changed, and by what they are normalised."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

NEUTRAL = {"scale": 1.0, "brightness": 1.0, "contrast": 1.0}  # what changes nothing; for other names it is 0
Range = tuple[float, float]


@dataclass(frozen=True)
class Policy:
    """The ranges of augmentation: each value is uniform between its two ends.

    `rotation` and the shears are in degrees (rotation clockwise), the translations in shares of the image's side,
    `scale`, `brightness` and `contrast` are factors; names belong to the kinds in mnist_study.augmentation. `mean` and
    `sd` are of pixels between 0 and 1. `kinds` has the SHA-256 of each used kind's file.
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
