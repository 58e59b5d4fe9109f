import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mnist_study.core.errors import UserError
from mnist_study.evaluate import Evaluation, compact
from mnist_study.report.results import probabilities
from tests.support.studies import whole_study

LABELS = np.arange(8)
NETWORK = np.tile([0.875, 0.125, *[0.0] * 8], (8, 1))  # the same answer to each of eight images


def save(path, networks):
    predicted = networks.argmax(2).astype(np.uint8)
    replicas = [{"seed": seed} for seed in range(len(networks))]
    path.write_bytes(Evaluation(path.stem, 6290, replicas, predicted, compact(networks, predicted)).to_npz())


@pytest.fixture
def predictions(tmp_path):
    save(tmp_path / "kept.npz", np.stack([NETWORK, NETWORK[:, ::-1]]))
    np.savez(tmp_path / "landed.npz", predicted=np.zeros((1, 8), np.uint8), probability=np.ones((1, 8), np.float32))
    return tmp_path


@given(
    arrays(np.float64, (2, 5, 10), elements=st.sampled_from([-30.0, -9.7, -9.0, -2.0, 0.0]) | st.floats(-12, 0)),
)
def test_what_is_read_is_what_was_kept(tmp_path_factory, logits):
    powers = np.exp(logits)
    given = powers / powers.sum(2, keepdims=True)
    path = tmp_path_factory.mktemp("kept") / "a.npz"
    save(path, given)
    found = probabilities.read(path, classes=10)
    assert found is not None
    assert (found.sum(2) == 1).all()
    highest = np.zeros_like(given, bool)
    np.put_along_axis(highest, given.argmax(2)[..., None], True, axis=2)
    assert np.abs(found - given)[highest].max() <= 9 * 3.5 / 65_536
    small = ~highest & (given * 65_536 < 3.5)
    assert not found[small].any()
    assert np.abs(found - given)[~highest & ~small].max(initial=0) <= 0.5 / 65_536


def test_metrics_are_means_over_the_seeds_and_landed_variants_have_none(predictions):
    results = whole_study(lambda row, seed: 99.0, only=[], kept=[99.0, 99.1], landed=[99.0])
    measured = probabilities.measured(results, LABELS, predictions)
    assert measured.outcomes["landed"] == results.outcomes["landed"]
    old, new = (study.outcomes["kept"].metrics for study in (results, measured))
    assert {name: value for name, value in new.items() if name in old} == old
    assert new.keys() - old.keys() == probabilities.METRICS.keys()
    # The first network has labels 0 and 1 among its two classes, of eight; the second has 9 and 8, which are no labels.
    assert new["top_2_accuracy"] == (25 + 0) / 2
    first = (2 * 0.125**2 + 2 * 0.875**2 + 6 * (0.875**2 + 0.125**2 + 1)) / 8
    assert new["brier_score"] == float(f"{(first + 0.875**2 + 0.125**2 + 1) / 2:.5g}")
    assert new["expected_calibration_error"] == (0.875 - 1 / 8 + 0.875) / 2


def test_a_metric_must_be_a_number_with_a_name_of_its_own(predictions, monkeypatch):
    results = whole_study(lambda row, seed: 99.0, only=[], kept=[99.0, 99.1])
    monkeypatch.setitem(probabilities.METRICS, "mine", lambda labels, probabilities: float("nan"))
    with pytest.raises(UserError, match=r"probability_metrics\.mine: nan for kept; a metric must be a finite number"):
        probabilities.measured(results, LABELS, predictions)
    monkeypatch.delitem(probabilities.METRICS, "mine")
    monkeypatch.setitem(probabilities.METRICS, "test_loss", lambda labels, probabilities: 1.0)
    with pytest.raises(UserError, match=r"probability_metrics\.test_loss: there is a metric of that name"):
        probabilities.measured(results, LABELS, predictions)


def damage(path, **changes):
    with np.load(path) as file:
        np.savez(path, **({name: file[name] for name in file} | changes))


@pytest.mark.faults
@pytest.mark.parametrize(
    "changes",
    [
        {"others": np.ones((2, 7), np.uint8)},
        {"classes": np.full(16, 10, np.uint8)},
        {"shares": np.full(15, 9, np.uint16)},
        {"others": np.full((2, 8), 2), "classes": np.tile([2, 3], 16), "shares": np.full(32, 40_000)},
        {"shares": np.array([None] * 16)},
    ],
    ids=["images", "class", "length", "sum", "objects"],
)
def test_probabilities_that_contradict_themselves_are_refused(predictions, changes):
    damage(predictions / "kept.npz", **changes)
    with pytest.raises(UserError, match=r"kept\.npz: its probabilities are damaged; delete it and run `dvc repro`$"):
        probabilities.read(predictions / "kept.npz", classes=10)


@pytest.mark.faults
@pytest.mark.parametrize("name", ["shares", "others", "classes"])
def test_a_flipped_byte_is_named(predictions, name):
    path = predictions / "kept.npz"
    content = bytearray(path.read_bytes())
    with np.load(path) as file:
        content[content.index(file[name].tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"kept\.npz: its probabilities are damaged; delete it and run `dvc repro`$"):
        probabilities.read(path, classes=10)
