"""Images of another size and other classes than MNIST's, made by a hash, and what params.yaml says of them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mnist_study.tools.golden.made import images
from tests.support.tiny import write_idx

TRAIN, TEST = 160, 48  # images
ROLES = ("train_images", "train_labels", "test_images", "test_labels")


@dataclass(frozen=True)
class OtherImages:
    """Four files in a folder, each beginning with `prefix`; labels count from `first_label`."""

    folder: Path
    side: int
    classes: int
    first_label: int = 0
    prefix: str = ""

    def names(self) -> list[str]:
        kinds = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
        return [f"{self.prefix}{kind}-ubyte" for kind in kinds]

    def write(self) -> None:
        for place, (split, count) in enumerate((("train", TRAIN), ("test", TEST))):
            made = images(f"{split} of {self.side}", count, self.side, self.classes)
            pictures, labels = self.names()[2 * place : 2 * place + 2]
            write_idx(self.folder / pictures, made.images.numpy())
            write_idx(self.folder / labels, (made.labels.numpy() + self.first_label).astype(np.uint8))

    def section(self, classes: int | list[str]) -> dict[str, Any]:
        """Give the section `data`."""
        files = {
            role: {"name": name, "sha256": hashlib.sha256((self.folder / name).read_bytes()).hexdigest()}
            for role, name in zip(ROLES, self.names(), strict=True)
        }
        labels = {"classes": classes, "first_label": self.first_label}
        return {"side": self.side, **labels, "files": files, "sources": ["folder"], "seconds": 20}
