"""A drawing is the same digit whatever its size, colours, margins, transparency and format."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from mnist_study.core.errors import UserError
from mnist_study.tools.predict import picture, resample
from tests.support import photos

SIDE = 100
NEARLY = 0.1  # what moving a drawing by a pixel does; of 3,000 random drawings none came to 0.08
points = st.tuples(st.integers(14, SIDE - 14), st.integers(14, SIDE - 14))
levels = st.floats(0, 1)


@st.composite
def drawings(draw: st.DrawFn) -> np.ndarray:
    """A pen's line, float [100, 100], 0 paper and 1 ink, with soft edges; at least 30 pixels long."""
    line = draw(st.lists(points, min_size=2, max_size=5, unique=True).filter(lambda p: np.ptp(p, axis=0).max() >= 30))
    canvas = Image.new("L", (4 * SIDE, 4 * SIDE))
    width = 4 * draw(st.integers(8, 16))
    ImageDraw.Draw(canvas).line([(4 * x, 4 * y) for x, y in line], 255, width, joint="curve")
    return np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BOX)) / 255


def colours(ink: np.ndarray, paper: object = (0, 0, 0), pen: object = (1, 1, 1)) -> np.ndarray:
    share = ink[..., None]
    paper, pen = (np.broadcast_to(np.asarray(colour, float), 3) for colour in (paper, pen))
    return (1 - share) * paper + share * pen


def digit_of(values: np.ndarray) -> np.ndarray:
    return resample.as_mnist(picture.find(values)).astype(int)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The mean difference of two images over the 20 x 20 pixels of the box, as a share of black to white."""
    return float(np.abs(one - other).sum() / 255 / resample.BOX**2)


def saved(image: Image.Image, folder: Path, name: str = "drawing.png") -> np.ndarray:
    image.save(folder / name)
    return resample.as_mnist(picture.read(folder / name)).astype(int)


def bytes_of(values: np.ndarray) -> np.ndarray:
    return np.round(255 * values).astype(np.uint8)


@settings(max_examples=25, deadline=None)
@given(drawings(), st.tuples(levels, levels, levels), st.tuples(levels, levels, levels))
def test_colours_do_not_matter(ink: np.ndarray, paper: tuple[float, ...], pen: tuple[float, ...]):
    if np.linalg.norm(np.subtract(paper, pen)) < 0.2:
        pen = tuple(1 - value if abs(value - 0.5) > 0.1 else 0.0 for value in paper)
    assert np.abs(digit_of(colours(ink, paper, pen)) - digit_of(colours(ink))).max() <= 1


@settings(max_examples=25, deadline=None)
@given(drawings())
def test_inversion_does_not_matter(ink: np.ndarray):
    values = colours(ink, (0.1, 0.2, 0.3), (0.9, 0.6, 0.3))
    assert np.abs(digit_of(1 - values) - digit_of(values)).max() <= 1


@settings(max_examples=25, deadline=None)
@given(drawings(), st.tuples(*[st.integers(0, 60)] * 4))
def test_margins_do_not_matter(ink: np.ndarray, margins: tuple[int, int, int, int]):
    up, down, left, right = margins
    padded = np.pad(ink, ((up, down), (left, right)))
    assert np.array_equal(digit_of(colours(padded, 0.8, 0.1)), digit_of(colours(ink, 0.8, 0.1)))


@settings(max_examples=25, deadline=None)
@given(drawings(), st.floats(0.5, 4))
def test_size_does_not_matter(ink: np.ndarray, factor: float):
    side = round(factor * SIDE)
    scaled = np.asarray(Image.fromarray(ink.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC))
    assert apart(digit_of(colours(scaled.clip(0, 1))), digit_of(colours(ink))) < NEARLY


@settings(max_examples=25, deadline=None)
@given(drawings(), st.floats(-0.15, 0.15), st.floats(-0.15, 0.15))
def test_light_from_one_side_does_not_matter(ink: np.ndarray, down: float, across: float):
    slope = np.linspace(-1, 1, SIDE)
    light = 0.7 + down * slope[:, None] + across * slope
    assert apart(digit_of(colours(ink, 1, 0.2) * light[..., None]), digit_of(colours(ink))) < NEARLY


def test_a_shadow_over_a_part_does_not_matter(monkeypatch: pytest.MonkeyPatch):
    generator, inks = np.random.default_rng(1), []
    for number in 4 * list(range(10)):
        ink = photos.drawn(number, generator)
        inks.append((digit_of(colours(ink)), photos.photo(ink, generator)))

    def spoilt() -> int:
        return sum(apart(digit_of(taken), clean) > 1.5 * NEARLY for clean, taken in inks)

    assert spoilt() == 0
    monkeypatch.setattr(picture, "SPOILT", 1)  # what it does about shadows
    assert spoilt() >= 3


def test_ink_and_a_patch_of_light_that_outweighs_it_are_told_apart():
    values = np.full((100, 100, 3), 0.5)
    values[20:80, 45:85] = np.array([0.67, 0.63, 0.65])  # four times as large as the stroke, half as far from the paper
    values[20:80, 10:20] = 0.2
    assert resample.crop(picture.find(values)).shape == (60, 10)


@settings(max_examples=25, deadline=None)
@given(ink=drawings(), pen=st.sampled_from([(0, 0, 0), (255, 255, 255), (0, 0, 180), (250, 240, 60)]))
def test_transparency_does_not_matter(ink: np.ndarray, pen: tuple[int, int, int]):
    """Ink on nothing; a card on nothing; alpha that hides nothing."""
    expected = digit_of(colours(bytes_of(ink) / 255))
    drawn = np.concatenate([np.broadcast_to(np.array(pen, np.uint8), (SIDE, SIDE, 3)), bytes_of(ink)[..., None]], 2)
    card = np.pad(colours(ink, 1, 0.1), ((30, 30), (30, 30), (0, 0)))
    hidden = np.pad(np.ones((SIDE, SIDE, 1)), ((30, 30), (30, 30), (0, 0)))
    pictures = [drawn, bytes_of(np.concatenate([card, hidden], 2))]
    pictures.append(bytes_of(np.concatenate([colours(ink, 1, 0), np.ones((SIDE, SIDE, 1))], 2)))
    for pixels in pictures:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        found = resample.as_mnist(picture.read(buffer)).astype(int)  # pyright: ignore[reportArgumentType]
        assert np.abs(found - expected).max() <= 2


@settings(max_examples=25, deadline=None)
@given(drawings())
def test_it_fits_the_box_and_its_centre_of_mass_is_in_the_middle(ink: np.ndarray):
    image = digit_of(colours(ink))
    rows, columns = (np.flatnonzero((image > 127).any(axis)) for axis in (1, 0))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert resample.BOX - 2 <= max(height, width) <= resample.BOX + 1
    for axis, places in ((1, rows), (0, columns)):
        centre = np.average(np.arange(resample.SIDE), weights=image.sum(axis))
        assert abs(centre + 0.5 - resample.MIDDLE / 2) <= 0.2 or places[0] <= 1 or places[-1] >= resample.SIDE - 2
    assert image.max() == 255


@settings(max_examples=25, deadline=None)
@given(drawings())
def test_a_digit_of_mnist_stays_nearly_as_it_is(ink: np.ndarray):
    image = digit_of(colours(ink))
    assert apart(digit_of(colours(image / 255)), image) < NEARLY


def test_a_thin_pen_is_drawn_wider():
    thin = np.zeros((300, 300))
    thin[50:250, 150:152] = 1
    assert digit_of(colours(thin)).sum() / 255 > 1.8 * resample.BOX


def test_specks_are_no_ink():
    ink = np.zeros((200, 200))
    ink[60:140, 90:110] = 1
    dirty = ink.copy()
    dirty[[5, 180, 190], [190, 20, 100]] = 0.9
    assert np.array_equal(digit_of(colours(dirty, 1, 0)), digit_of(colours(ink, 1, 0)))


def test_every_format_shows_the_same(tmp_path: Path):
    ink = np.zeros((90, 70))
    ink[20:70, 30:42] = 1
    grey = Image.fromarray(bytes_of(1 - ink))
    expected = saved(grey, tmp_path)
    for mode, name in [("1", "a.bmp"), ("P", "a.gif"), ("RGB", "a.webp"), ("CMYK", "a.tiff"), ("F", "f.tiff")]:
        assert apart(saved(grey.convert(mode), tmp_path, name), expected) < 0.01
    assert apart(saved(grey, tmp_path, "a.jpg"), expected) < 0.05
    deep = Image.fromarray(np.uint16(60_000 * (1 - ink)))
    assert np.array_equal(saved(deep, tmp_path, "deep.png"), expected)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    grey.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(resample.as_mnist(picture.read(tmp_path / "turned.png")), expected)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file"),
        (b"", "not a picture of a kind that Pillow reads, such as PNG or JPEG"),
        (b"hello", "not a picture of a kind that Pillow reads, such as PNG or JPEG"),
        ("cut", "cannot be read (image file is truncated)"),
        ("folder", "cannot be read (Is a directory)"),
        ("blank", "shows nothing: all of it is as its rim"),
        ("clear", "shows nothing: all of it is transparent"),
        ("huge", "larger than 89,478,485 pixels"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(content: bytes | str | None, words: str, tmp_path: Path):
    path = tmp_path / "digit.png"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "folder":
        path.mkdir()
    elif content == "cut":
        noise = np.random.default_rng(0).integers(0, 255, (80, 80), np.uint8)
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[:3000])
    elif content is not None:
        image = {"blank": ("L", (40, 40), 200), "clear": ("RGBA", (40, 40)), "huge": ("1", (10_000, 9_000))}[content]
        Image.new(*image).save(path)
    with pytest.raises(UserError) as caught:
        picture.read(path)
    assert str(caught.value) == f"{path}: {words}"


def test_a_file_of_several_pictures_is_told_in_a_line(tmp_path: Path):
    frames = [Image.new("L", (40, 40), level) for level in (0, 255)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(UserError) as caught:
        picture.read(tmp_path / "a.gif")
    words = "cannot be read (2 pictures in it; give one of them as a picture of its own)"
    assert str(caught.value) == f"{tmp_path / 'a.gif'}: {words}"
