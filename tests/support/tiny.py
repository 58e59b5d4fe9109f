"""A tiny MNIST that can be learnt in a second, and a recipe to train on it."""

from pathlib import Path

import numpy as np

from mnist_study.core.recipe import Recipe

TINY = Recipe(
    variant="tiny",
    architecture="two_pool",
    model={},
    augmentation="rotate",
    scheduler="constant",
    scheduler_options={},
    batch_size=64,
    epochs=2,
    seeds=(0, 1),
    lr=0.05,
    momentum=0.9,
    nesterov=False,
    weight_decay=0.0,
    label_smoothing=0.0,
    ema=0.0,
    anneal_epochs=0,
    anneal_strength=1.0,
    engine="torch",
    device="cpu",
    validation=0,
)
DIGITS = {"train": 640, "t10k": 200}


def write_idx(path: Path, array: np.ndarray) -> None:
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


def write_tiny_mnist(folder: Path) -> None:
    """Write the four IDX files; a digit is a bright bar in its own place, under noise."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    for prefix, count in DIGITS.items():
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = generator.integers(0, 60, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[4 + 2 * label : 6 + 2 * label, 6:22] = 220
        write_idx(folder / f"{prefix}-images-idx3-ubyte", images)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", labels)
