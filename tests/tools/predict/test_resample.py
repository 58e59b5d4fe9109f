"""Ink to images by integers: as MNIST has them, and the same pixels in Python and in JavaScript."""

import base64
import json
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from mnist_study.tools.predict import resample
from tests.support import ROOT

SCRIPT = ROOT / "src/mnist_study/tools/site/assets/resample.js"
RUN = f"""
const resample = require({json.dumps(str(SCRIPT))});
const inks = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(inks.map(({{ ink, height, width, pixels }}) => {{
  const image = resample.asMnist(Buffer.from(ink, "base64"), height, width, pixels);
  return image && {{ image: Buffer.from(image).toString("base64"), several: resample.sideBySide(image, pixels) }};
}})));
"""
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node, which comes with npm")


def drawn(seed: int, height: int = 280, width: int = 280, pen: int = 20) -> np.ndarray:
    """A few strokes, somewhere, and some grey."""
    generator = np.random.default_rng(seed)
    picture = Image.new("L", (width, height))
    ends = generator.integers(0, (width, height), (4, 2))
    ImageDraw.Draw(picture).line([tuple(map(int, end)) for end in ends], 255, pen)
    ink = np.asarray(picture).copy()
    ink[generator.random(ink.shape) < 0.01] = 40
    return ink


def in_javascript(inks: list[tuple[np.ndarray, int]]) -> list[tuple[np.ndarray, bool] | None]:
    """Give the image of each ink, and whether it shows digits side by side."""
    given = [
        {"ink": base64.b64encode(ink.tobytes()).decode(), "height": len(ink), "width": ink.shape[1], "pixels": pixels}
        for ink, pixels in inks
    ]
    done = subprocess.run(["node", "-e", RUN], input=json.dumps(given), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = zip(json.loads(done.stdout), inks, strict=True)
    return [
        each and (np.frombuffer(base64.b64decode(each["image"]), np.uint8).reshape(n, n), each["several"])
        for each, (_, n) in answers
    ]


@needs_node
def test_node_and_python_give_the_same_pixels():
    cases = [(drawn(seed, pen=3 + 2 * seed), 28) for seed in range(12)]
    cases += [(drawn(1, 33, 700), 28), (drawn(2, 1024, 40), 20), (drawn(3, 28, 28), 32)]
    dot = np.zeros((9, 7), np.uint8)
    dot[4, 3] = resample.INK
    whole = np.full((50, 60), 255, np.uint8)
    faint = np.full((11, 13), 60, np.uint8)  # nowhere solid
    noise = np.random.default_rng(0).integers(0, 256, (97, 61), np.uint8)
    eleven = np.zeros((60, 90), np.uint8)
    eleven[10:50, [*range(10, 22), *range(60, 72)]] = 255
    cases += [
        (ink, 28) for ink in (dot, whole, faint, noise, with_specks(np.pad(drawn(4), 12)), eleven, eleven.T.copy())
    ]
    several = []
    for (ink, pixels), found in zip(cases, in_javascript(cases), strict=True):
        assert found is not None
        image = resample.as_mnist(ink, pixels)
        assert np.array_equal(found[0], image)
        assert found[1] == resample.side_by_side(image)
        several.append(found[1])
    assert several[-2:] == [True, False]


def with_specks(ink: np.ndarray) -> np.ndarray:
    """Add dirt in two corners and at the rim, which is empty."""
    dirty = ink.copy()
    for place in (np.s_[:5, :5], np.s_[-4:, -7:], np.s_[100:104, -3:]):
        dirty[place] = 255
    return dirty


def test_specks_of_dirt_are_left_out_and_dots_are_not():
    ink = np.pad(drawn(4), 12)
    assert np.array_equal(resample.as_mnist(with_specks(ink)), resample.as_mnist(ink))
    dotted = with_specks(ink)
    dotted[:30, :30] = 255
    assert not np.array_equal(resample.as_mnist(dotted), resample.as_mnist(ink))


@needs_node
def test_without_ink_both_say_so():
    ink = np.full((20, 20), resample.INK - 1, np.uint8)
    assert in_javascript([(ink, 28)]) == [None]
    with pytest.raises(ValueError, match="no ink"):
        resample.as_mnist(ink)


def test_the_centre_of_mass_is_in_the_middle_and_the_box_is_20():
    ink = np.zeros((100, 300), np.uint8)
    ink[20:81, 200:240] = 255
    image = resample.as_mnist(ink).astype(float)
    rows, columns = np.arange(28) + 0.5, np.arange(28) + 0.5
    assert (image.sum(1) @ rows) / image.sum() == pytest.approx(14.5, abs=0.05)
    assert (image.sum(0) @ columns) / image.sum() == pytest.approx(14.5, abs=0.05)
    assert image.sum(0).max() / 255 == pytest.approx(20, abs=0.3)


def test_strokes_of_a_pixel_become_as_wide_as_thin_ones_of_mnist():
    ink = np.zeros((200, 200), np.uint8)
    ink[20:180, 100] = 255
    image = resample.as_mnist(ink)
    assert image[14].sum() / 255 == pytest.approx(2 * resample.HALF / resample.FINE, abs=0.5)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 2**32 - 1))
def test_distances_are_those_of_every_pair(height: int, width: int, seed: int):
    marked = np.random.default_rng(seed).random((height, width)) < 0.2
    marked.flat[seed % marked.size] = True
    places = np.argwhere(marked)
    cells = np.argwhere(np.ones_like(marked))
    expected = ((cells[:, None] - places[None]) ** 2).sum(2).min(1).reshape(marked.shape)
    assert np.array_equal(resample.squared_distances(marked), expected)
