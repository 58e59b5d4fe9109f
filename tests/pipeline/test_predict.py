"""The study's own networks, restored from the bundled store, on pictures of real digits."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from mnist_study.transforms import contact_sheet
from tests.support import ROOT

pytestmark = pytest.mark.slow


def run(folder: Path, *command: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with the weights, and with the contact sheets, whose originals are MNIST's."""
    folder = tmp_path_factory.mktemp("restored") / "clone"
    run(ROOT, "git", "clone", "--quiet", "--no-hardlinks", ".", str(folder))
    run(folder, "dvc", "pull", "--quiet", "--allow-missing")
    run(folder, sys.executable, "-m", "stages.configure")
    return folder


def originals(sheet: Path) -> list[tuple[int, np.ndarray]]:
    """The twenty digits of the sheet of the policy that changes nothing, uint8 [28, 28], with their labels."""
    pixels = np.asarray(Image.open(sheet).convert("L"))
    step = contact_sheet.TILE // 28
    digits = []
    for row in range(contact_sheet.EXAMPLES):
        for label in range(10):
            top = contact_sheet.HEADER + row * contact_sheet.PITCH
            left = contact_sheet.MARGIN + label * contact_sheet.PITCH
            digits.append(
                (label, pixels[top : top + contact_sheet.TILE : step, left : left + contact_sheet.TILE : step])
            )
    return digits


def pictures(digit: np.ndarray) -> dict[str, Image.Image]:
    """What people may hold: enlarged, inverted, padded, of other colours, transparent, photographed; by file name."""
    image = Image.fromarray(digit)
    large = image.resize((336, 336), Image.Resampling.BICUBIC)
    transparent = Image.new("RGBA", large.size, (20, 40, 160, 0))
    transparent.putalpha(large)
    slope = np.linspace(0.65, 0.95, 336)
    noise = np.random.default_rng(0).normal(0, 6, (336, 336))
    photo = 255 * slope * (1 - 0.7 * np.asarray(large) / 255) + noise
    return {
        "as-it-is.png": image,
        "inverted.png": ImageOps.invert(image),
        "large.jpg": ImageOps.invert(large),
        "padded.jpg": ImageOps.expand(ImageOps.invert(large), (300, 40, 10, 120), fill=255),
        "coloured.png": ImageOps.colorize(large, (250, 240, 200), (120, 30, 60)),
        "transparent.png": transparent,
        "photo.jpg": Image.fromarray(photo.clip(0, 255).astype(np.uint8)),
    }


def test_at_least_97_of_100_pictures_of_real_digits_are_named(restored: Path, tmp_path: Path):
    labels = {}
    for number, (label, digit) in enumerate(originals(restored / "data/transforms/plain.png")):
        for name, image in pictures(digit).items():
            path = tmp_path / f"{number}-{name}"
            image.save(path)
            labels[str(path)] = label
    assert len(labels) == 140
    told = json.loads(run(restored, sys.executable, "-m", "mnist_study", "predict", "--json", *labels))
    wrong = [picture["file"] for picture in told["pictures"] if picture["digit"] != labels[picture["file"]]]
    assert len(wrong) <= 0.03 * len(labels), wrong


def test_without_weights_it_says_how_to_get_them(restored: Path, tmp_path: Path):
    folder = tmp_path / "clone"
    shutil.copytree(restored, folder)
    shutil.rmtree(folder / "models")
    Image.new("L", (28, 28), 0).save(tmp_path / "digit.png")
    command = [sys.executable, "-m", "mnist_study", "predict", str(tmp_path / "digit.png")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    restore = done.stderr.split("`")[1]
    assert restore.startswith("dvc pull models/")
    run(folder, *restore.split())
