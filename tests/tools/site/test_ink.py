"""Ink in pictures: ink.js finds what picture.py finds, in photos with shadows, too."""

import base64
import json
import shutil
import subprocess

import numpy as np
import pytest

from mnist_study.tools.predict import picture, resample
from tests.support import ROOT, photos

ASSETS = ROOT / "src/mnist_study/tools/site/assets"
RUN = f"""
globalThis.resample = require({json.dumps(str(ASSETS / "resample.js"))});
const ink = require({json.dumps(str(ASSETS / "ink.js"))});
const pictures = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(pictures.map(({{ colours, height, width }}) => {{
  const found = ink.find(Float64Array.from(Buffer.from(colours, "base64"), (value) => value / 255), height, width);
  return found && Buffer.from(found).toString("base64");
}})));
"""
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node, which comes with npm")


def in_javascript(pictures: list[np.ndarray]) -> list[np.ndarray | None]:
    """Find the ink of pictures, uint8 [H, W, 3]."""
    given = [
        {"colours": base64.b64encode(each.tobytes()).decode(), "height": len(each), "width": each.shape[1]}
        for each in pictures
    ]
    done = subprocess.run(["node", "-e", RUN], input=json.dumps(given), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = zip(json.loads(done.stdout), pictures, strict=True)
    return [ink and np.frombuffer(base64.b64decode(ink), np.uint8).reshape(each.shape[:2]) for ink, each in answers]


@needs_node
def test_node_and_python_find_the_same_ink():
    generator = np.random.default_rng(1)
    taken = [np.uint8(255 * photos.photo(photos.drawn(digit, generator), generator)) for digit in 2 * list(range(10))]
    noise = generator.integers(0, 256, (40, 70, 3), np.uint8)
    line = np.full((280, 9, 3), 200, np.uint8)
    line[40:200, 4] = 20
    pictures = [*taken, noise, line, line.transpose(1, 0, 2).copy()]
    shadowed = 0
    for own, colours in zip(in_javascript(pictures), pictures, strict=True):
        assert own is not None
        expected = picture.find(colours / 255)
        shadowed += not np.array_equal(expected, picture._differs(colours / 255, picture._plane(colours / 255)))
        seen = [resample.as_mnist(ink).astype(int) for ink in (own, expected)]
        assert np.abs(seen[0] - seen[1]).mean() < 2
        assert np.abs(own.astype(int) - expected).max() <= 20
    assert shadowed >= 2


@needs_node
def test_where_nothing_is_shown_there_is_no_ink():
    slope = np.broadcast_to(np.linspace(100, 200, 50)[:, None, None], (50, 60, 3)).astype(np.uint8)
    dot = np.full((1, 1, 3), 90, np.uint8)
    assert in_javascript([np.full((30, 40, 3), 90, np.uint8), slope, dot]) == [None, None, None]
