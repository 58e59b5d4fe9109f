"""The whole pipeline on images of another size and of other classes than MNIST's, by every engine."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from tests.support import COMMAND
from tests.support.checkout import PARAMS, Checkout, write_copy
from tests.support.images import TEST, OtherImages
from tests.support.tiny import write_tiny_mnist

pytestmark = [pytest.mark.slow, pytest.mark.changes]
FRUIT = ["apple", "pear", "quince", "plum", "fig"]
VARIANT: dict[str, Any] = {"scheduler": "step", "augmentation": "rotate", "batch_size": 16}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    mnist, folder = tmp_path / "mnist", tmp_path / "copy"
    write_tiny_mnist(mnist)
    write_copy(folder, mnist)
    images = tmp_path / "images"
    images.mkdir()
    return Checkout(folder, images)


def run(checkout: Checkout, data: dict[str, Any], **variants: dict[str, str]) -> None:
    """Reproduce with these images and variants, each an architecture and an engine."""
    yaml = YAML()
    params = yaml.load(PARAMS)
    params["data"] = data
    params["variants"] = {name: VARIANT | fields for name, fields in variants.items()}
    yaml.dump(params, checkout.folder / "params.yaml")
    checkout.run("git", "init", "--quiet")
    checkout.run("git", "add", "--all")
    checkout.repro()
    assert checkout.repro() == []


def read(checkout: Checkout, path: str) -> Any:
    return json.loads((checkout.folder / path).read_text())


def engines(checkout: Checkout, *variants: str) -> list[str]:
    return [read(checkout, f"results/training/{name}.json")["engine"] for name in variants]


def test_five_classes_with_names_on_images_of_20_pixels(checkout: Checkout):
    images = OtherImages(checkout.mnist, side=20, classes=5)
    images.write()
    small, other = {"architecture": "two_pool"}, {"architecture": "one_pool"}
    run(checkout, images.section(FRUIT), whole=small | {"engine": "exact"}, quick=other | {"engine": "torch"})
    assert engines(checkout, "whole", "quick") == ["exact", "torch"]
    assert read(checkout, "build/recipes/whole.json")["model"] == {"classes": 5}
    confusion = np.array(read(checkout, "results/evaluation/whole.json")["replicas"][0]["confusion"])
    assert (confusion.shape, confusion.sum()) == ((5, 5), TEST)
    assert read(checkout, "build/networks.json")[0]["layers"][0]["output_size"] == [8, 20, 20]

    page = (checkout.folder / "reports/study.md").read_text()
    assert f"**2 variants on {TEST} test images of 5 classes; the best is " in page
    assert not [word for word in ("published", "claims", "Northcutt", "not in the study", "10,000") if word in page]
    assert not (checkout.folder / "reports/figures/effects.svg").exists()
    for name in ("confusion", "missed"):
        svg = (checkout.folder / f"reports/figures/{name}.svg").read_text()
        assert any(fruit in svg for fruit in FRUIT)
    with (checkout.folder / "reports/plots/confusion.csv").open() as file:
        assert [row["predicted"] for row in csv.DictReader(file)] == FRUIT * 5
    with Image.open(checkout.folder / "data/transforms/rotate.png") as sheet:
        assert sheet.height < 92 + 6 * 59 + 18  # a row a class
    checkout.run("dvc", "plots", "show")

    Image.fromarray(np.pad(np.full((30, 9), 10, np.uint8), 20, constant_values=240)).save(checkout.folder / "a.png")
    told = checkout.run("env", "PYTHONPATH=src", *COMMAND, "predict", "a.png", "--variant", "whole").stdout
    assert told.split()[:7] == ["picture", "class", *FRUIT]


def test_26_letters_labelled_from_1_on_images_of_32_pixels(checkout: Checkout):
    images = OtherImages(checkout.mnist, side=32, classes=26, first_label=1, prefix="letters-")
    images.write()
    variants = {"whole": ("champion", "exact"), "quick": ("vanilla", "exact"), "plain": ("transition", "torch")}
    fields = {name: {"architecture": each, "engine": engine} for name, (each, engine) in variants.items()}
    run(checkout, images.section(26), **fields)
    assert engines(checkout, *variants) == ["exact", "exact", "torch"]
    labels = (checkout.folder / "data/mnist/t10k-labels-idx1-ubyte").read_bytes()[8:]
    assert labels == bytes(label - 1 for label in (checkout.mnist / images.names()[3]).read_bytes()[8:])
    for name in variants:
        confusion = np.array(read(checkout, f"results/evaluation/{name}.json")["replicas"][0]["confusion"])
        assert list(confusion.sum(1)) == list(np.bincount([*labels], minlength=26))
    with (checkout.folder / "reports/plots/confusion.csv").open() as file:
        assert {row["actual"] for row in csv.DictReader(file)} == {str(label) for label in range(1, 27)}
    done = checkout.run("env", "PYTHONPATH=src", *COMMAND, "doctor", check=False)
    assert "ubyte" not in done.stdout  # the labels are as their hash says, though they now count from 0
