"""The doctor holds the images against what build/data.json says, also where their labels did not count from 0."""

import json
from dataclasses import asdict
from pathlib import Path

from mnist_study.download import put
from mnist_study.download.fit import fitted
from mnist_study.tools.doctor.leftovers import check_mnist
from tests.support.downloads import described, made


def test_whole_images_are_fine_and_damaged_ones_named(tmp_path: Path):
    files = made(30, classes=26, first=1)
    images = described(files, classes=26, first_label=1)
    put(tmp_path / "data/mnist", fitted(files, images))
    (tmp_path / "build").mkdir()
    (tmp_path / "build/data.json").write_text(json.dumps({"images": asdict(images)}))
    assert list(check_mnist(tmp_path)) == []
    (tmp_path / "data/mnist/t10k-labels-idx1-ubyte").write_bytes(files["t10k-labels-idx1-ubyte"])  # from 1 again
    (tmp_path / "data/mnist/t10k-images-idx3-ubyte").unlink()
    said = {finding.what for finding in check_mnist(tmp_path)}
    assert said == {"data/mnist/t10k-labels-idx1-ubyte is damaged", "data/mnist/t10k-images-idx3-ubyte is missing"}


def test_without_a_record_nothing_can_be_said(tmp_path: Path):
    (tmp_path / "data/mnist").mkdir(parents=True)
    assert list(check_mnist(tmp_path)) == []
