"""What is delivered is what params.yaml says, or a line says what is not."""

import hashlib
from dataclasses import replace

import pytest

from mnist_study.core.errors import UserError
from mnist_study.download.fit import fitted
from tests.support.downloads import described, made

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def refused(files, **said):
    with pytest.raises(UserError) as caught:
        fitted(files, described(files, **said))
    return str(caught.value)


def test_what_fits_is_given_as_it_is():
    files = made(4, side=20, classes=5)
    assert fitted(files, described(files, side=20, classes=5)) == files


def test_labels_count_from_zero():
    files = made(30, classes=26, first=1)
    given = fitted(files, described(files, classes=26, first_label=1))
    assert given[LABELS][:8] == files[LABELS][:8]
    assert list(given[LABELS][8:]) == [label - 1 for label in files[LABELS][8:]]
    assert given[IMAGES] == files[IMAGES]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"side": 20}, f"params.yaml: data.side: 20 given; the images of {IMAGES} are 28 x 28"),
        (
            {"classes": 5},
            f"params.yaml: data.classes: 5 classes allow labels from 0 (data.first_label) to 4; {LABELS} has 5",
        ),
        (
            {"first_label": 1},
            f"params.yaml: data.classes: 10 classes allow labels from 1 (data.first_label) to 10; {LABELS} has 0",
        ),
    ],
)
def test_other_images_than_params_yaml_says(said, words):
    assert refused(made(12), **said) == words


def test_images_that_are_no_squares():
    files = made(3)
    files[IMAGES] = files[IMAGES][:8] + bytes([0, 0, 0, 14, 0, 0, 0, 56]) + files[IMAGES][16:]
    assert refused(files) == f"params.yaml: data.side: 28 given; the images of {IMAGES} are 14 x 56, no squares"


def test_labels_that_are_too_few_and_no_images_at_all():
    files = made(3) | {LABELS: made(2)[LABELS]}
    assert refused(files) == f"{IMAGES}: 3 images, but 2 labels in {LABELS}"
    assert refused(made(0)) == f"{IMAGES}: 0 images, but 0 labels in {LABELS}"


@pytest.mark.parametrize("data", [b"", b"<html>", made(3)[LABELS][:-1], made(3)[LABELS] + b"!", made(3)[IMAGES]])
def test_what_is_no_idx_file_is_named(data):
    files = made(3) | {LABELS: data}
    assert refused(files) == f"{LABELS}: not a whole IDX file of bytes in 1 dimensions"


def test_without_hashes_the_lines_to_write_are_told():
    files = made(3)
    wanted = described(files)
    entries = {name: {"key": name[:5], "name": f"own-{name}", "sha256": None} for name in files}
    with pytest.raises(UserError) as caught:
        fitted(files, replace(wanted, files=entries))
    first, *lines = str(caught.value).splitlines()
    assert first.startswith("params.yaml: data.files: has no SHA-256 of each file; ")
    assert [line.strip() for line in lines] == [
        f"{name[:5]}: {{name: own-{name}, sha256: {hashlib.sha256(data).hexdigest()}}}" for name, data in files.items()
    ]
