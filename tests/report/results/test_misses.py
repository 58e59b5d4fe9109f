import pickle

import numpy as np
import pytest

from mnist_study.core.errors import UserError
from mnist_study.report.results import misses


@pytest.fixture
def predictions(tmp_path, tiny_mnist):
    """Two variants, of two seeds and one, on the 200 tiny test images, of which image n shows n mod 10."""
    labels = np.arange(200) % 10
    first, second = np.stack([labels, labels]), labels[None].copy()
    first[0, 3], first[1, 3], second[0, 3] = 5, 8, 8
    first[0, 4], first[1, 4] = 9, 9
    first[1, 7] = 1
    np.savez(tmp_path / "a.npz", predicted=first.astype(np.uint8))
    np.savez(tmp_path / "b.npz", predicted=second.astype(np.uint8))
    np.savez(tmp_path / "gone.npz", predicted=np.zeros((5, 200), np.uint8))
    return tmp_path


@pytest.fixture
def confusions():
    """What these predictions come to, a table for each seed."""
    tables = []
    for moved in ({(3, 5): 1, (4, 9): 1}, {(3, 8): 1, (4, 9): 1, (7, 1): 1}, {(3, 8): 1}):
        table = np.diag([20] * 10)
        for (label, answer), count in moved.items():
            table[label, label] -= count
            table[label, answer] += count
        tables.append(table.tolist())
    return {"a": tables[:2], "b": tables[2:]}


def test_misses_are_counted_over_variants_and_seeds(predictions, confusions, tiny_mnist):
    found = misses.read(confusions, predictions, tiny_mnist)
    assert found.networks == 3
    assert {int(place): int(found.counts[place]) for place in found.counts.nonzero()[0]} == {3: 3, 4: 2, 7: 1}
    assert [int(found.answers[place]) for place in (3, 4, 7)] == [8, 9, 1]
    assert found.images.shape == (200, 28, 28)
    assert found.images[4, 12:14, 6:22].min() == 220  # the bright bar of a four
    assert list(found.labels[:12]) == [*range(10), 0, 1]


def test_the_hardest_are_those_that_more_than_half_miss(predictions, confusions, tiny_mnist):
    found = misses.read(confusions, predictions, tiny_mnist)
    assert list(found.hardest(40)) == [3, 4]
    assert list(found.hardest(1)) == [3]
    assert list(misses.read({"b": confusions["b"]}, predictions, tiny_mnist).hardest(40)) == [3]


def test_a_missing_file_is_named(predictions, confusions, tiny_mnist, tmp_path):
    with pytest.raises(UserError, match=r"c\.npz: cannot be read"):
        misses.read(confusions | {"c": []}, predictions, tiny_mnist)
    with pytest.raises(UserError, match=r"images-idx3-ubyte: cannot be read .* `dvc repro download` fetches it"):
        misses.read(confusions, predictions, tmp_path / "nowhere")


def test_images_cut_short_are_named(predictions, confusions, tmp_path):
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(bytes(16 + 785))
    with pytest.raises(UserError, match=r"images-idx3-ubyte: cut short; `dvc repro download` fetches it again"):
        misses.read(confusions, predictions, tmp_path)


def test_predictions_of_other_images_are_refused(predictions, confusions, tiny_mnist):
    np.savez(predictions / "b.npz", predicted=np.zeros((1, 10_000), np.uint8))
    with pytest.raises(UserError, match=r"b\.npz: predictions \[1, 10000\], where there are 200 images"):
        misses.read(confusions, predictions, tiny_mnist)


@pytest.mark.faults
@pytest.mark.parametrize(
    "content",
    [b"", b"half a file", pickle.dumps({"predicted": [1]}), b"PK\x03\x04 a damaged archive"],
    ids=["empty", "text", "pickle", "archive"],
)
def test_what_holds_no_predictions_is_refused(predictions, confusions, tiny_mnist, content):
    (predictions / "b.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"b\.npz: holds no predictions; delete it and run `dvc repro`$"):
        misses.read(confusions, predictions, tiny_mnist)


def test_predictions_that_are_pickled_objects_are_refused(predictions, confusions, tiny_mnist):
    np.savez(predictions / "b.npz", predicted=np.array([print, None], dtype=object))
    with pytest.raises(UserError, match=r"b\.npz: holds no predictions"):
        misses.read(confusions, predictions, tiny_mnist)


def test_predictions_of_another_variant_or_seed_are_refused(predictions, confusions, tiny_mnist):
    scattered = (np.arange(200) * 7 % 10).astype(np.uint8)
    for other in (scattered[None], np.stack([np.arange(200, dtype=np.uint8) % 10] * 2)):
        np.savez(predictions / "b.npz", predicted=other)
        with pytest.raises(UserError, match=r"b\.npz: not what its variant was scored by"):
            misses.read(confusions, predictions, tiny_mnist)
