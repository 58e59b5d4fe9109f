import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from mnist_study import architectures
from mnist_study.core import files, weights
from mnist_study.core.arithmetic import VERSION, head, network, scoring
from mnist_study.core.errors import UserError
from mnist_study.core.inference import logits
from mnist_study.core.mnist import hold_out, training_split
from mnist_study.core.mnist import test_split as read_test_split
from mnist_study.core.policy import Policy
from mnist_study.evaluate import Evaluation, compact, evaluate, proof
from mnist_study.report.results import probabilities
from tests.support.tiny import TINY, write_idx

POLICY = Policy(0.13, 0.31, {})


def recipe(**changes):
    fields = {"architecture": "one_pool", "model": {"dropout": 0.5}, "augmentation": "plain", "seeds": (3, 7)}
    return replace(TINY, **(fields | changes))


def save_model(path, seed):
    torch.manual_seed(seed)
    model = architectures.build("one_pool", dropout=0.5)
    files.write(path, weights.pack(model))
    return model


@pytest.fixture
def images(tmp_path):
    random = np.random.default_rng(0)
    for prefix, count in {"train": 60, "t10k": 40}.items():
        pixels = random.integers(0, 256, (count, 28, 28), np.uint8)
        write_idx(tmp_path / f"{prefix}-images-idx3-ubyte", pixels)
        write_idx(tmp_path / f"{prefix}-labels-idx1-ubyte", random.integers(0, 10, count, np.uint8))
    return tmp_path


@pytest.fixture
def trained(tmp_path):
    for seed in (3, 7):
        save_model(tmp_path / f"tiny/seed-{seed}.safetensors", seed)
    return tmp_path / "tiny"


def test_each_seed_is_scored_as_the_saved_network_scores(images, trained, tmp_path):
    test = read_test_split(images)
    evaluation = evaluate(recipe(), POLICY, images, trained)
    expected = logits(save_model(tmp_path / "again", 7), test.images, POLICY)
    content = json.loads(evaluation.to_json())
    assert (content["variant"], content["parameters"]) == ("tiny", 6290)
    assert [replica["seed"] for replica in content["replicas"]] == [3, 7]
    replica = content["replicas"][1]
    assert replica.keys() == {"seed", "test_accuracy", "test_loss", "confusion"}
    assert replica["test_accuracy"] == pytest.approx(100 * (expected.argmax(1) == test.labels).double().mean().item())
    assert replica["test_loss"] == pytest.approx(torch.nn.functional.cross_entropy(expected, test.labels).item())
    counts = np.array(replica["confusion"])
    assert counts.sum(1).tolist() == torch.bincount(test.labels, minlength=10).tolist()
    assert 100 * counts.trace() / 40 == replica["test_accuracy"]


@pytest.fixture
def exact(trained):
    """A recipe of the engine `exact`, whose weights are there."""
    for seed in (3, 7):
        path = trained / f"seed-{seed}.safetensors"
        model = architectures.build("one_pool", dropout=0.5)
        weights.load(model, path)
        model.state_dict()["32.weight"].mul_(200)  # unlike an untrained network's, some probabilities are near 0
        path.write_bytes(weights.pack(model, {"arithmetic": str(VERSION)}))
    return recipe(engine="exact")


@pytest.mark.parametrize("engine", ["exact", "torch"])
def test_predictions_hold_the_probabilities_of_every_class(images, trained, exact, tmp_path, engine):
    evaluation = evaluate(replace(exact, engine=engine), POLICY, images, trained)
    (tmp_path / "a.npz").write_bytes(evaluation.to_npz())
    file = np.load(tmp_path / "a.npz")
    assert (file["seeds"].tolist(), file["seeds"].dtype, file["predicted"].dtype) == ([3, 7], np.int64, np.uint8)
    assert set(file) == {"seeds", "predicted", "others", "classes", "shares"}
    assert [file[name].dtype for name in ("others", "classes", "shares")] == [np.uint8, np.uint8, np.uint16]
    assert file["shares"].min() >= 4
    model = architectures.build("one_pool", dropout=0.5)
    weights.load(model, trained / "seed-7.safetensors")
    pictures = read_test_split(images).images
    found = scoring.logits(network.read(model), pictures, POLICY.mean, POLICY.sd)
    found = found if engine == "exact" else logits(model, pictures, POLICY)
    expected = head.probabilities(found).numpy()
    kept = probabilities.read(tmp_path / "a.npz", classes=10)
    assert kept is not None
    assert 0 < (kept[1] == 0).mean() < 0.9
    np.testing.assert_allclose(kept[1], expected, atol=9 * 3.5 / 65_536)
    assert file["predicted"][1].tolist() == found.argmax(1).tolist()
    hashes = [replica.get("logits_sha256") for replica in evaluation.replicas]
    if engine == "exact":
        assert hashes[1] == proof.sha256(scoring.logits(network.read(model), proof.images(28), POLICY.mean, POLICY.sd))
        assert hashes[0] != hashes[1]
    else:
        assert hashes == [None, None]


def test_what_is_kept_of_predictions_has_the_same_bytes_with_every_python():
    """np.savez asks zipfile for headers that Python 3.11.4 changed."""
    given = np.array([[[0.5, 0.49995, 0.00005], [0.00006, 0.00004, 0.9999]]])
    predicted = np.array([[0, 2]], np.uint8)
    kept = compact(given, predicted)
    assert {name: array.tolist() for name, array in kept.items()} == {
        "others": [[1, 1]],
        "classes": [1, 0],
        "shares": [32765, 4],  # 0.00005 are 3.3 of 65,536
    }
    content = Evaluation("a", 1, [{"seed": 3}], predicted, kept).to_npz()
    assert hashlib.sha256(content).hexdigest() == "ae41a69eaf54ecf3a8779abc8092cc3b51c38d006f5f34b67445c08cb55da851"


def test_the_same_weights_give_the_same_bytes(images, trained):
    first, second = (evaluate(recipe(), POLICY, images, trained) for _ in range(2))
    assert first.to_json() == second.to_json()
    assert first.to_npz() == second.to_npz()


def test_held_out_images_are_scored_too(images, trained):
    replica = evaluate(recipe(validation=20, seeds=(7,)), POLICY, images, trained).replicas[0]
    held_out = hold_out(training_split(images), 20)[1]
    model = architectures.build("one_pool", dropout=0.5)
    weights.load(model, trained / "seed-7.safetensors")
    right = logits(model, held_out.images, POLICY).argmax(1) == held_out.labels
    assert replica["validation_accuracy"] == pytest.approx(100 * right.double().mean().item())
    assert replica["validation_loss"] > 0


@pytest.mark.parametrize("name", ["0.weight", "2.running_var"])
def test_weights_that_are_not_finite_are_refused(images, trained, name):
    model = architectures.build("one_pool", dropout=0.5)
    model.state_dict()[name].view(-1)[0] = float("nan")
    files.write(trained / "seed-7.safetensors", weights.pack(model))
    with pytest.raises(UserError, match=rf"seed-7\.safetensors: {name} holds values that are not finite"):
        evaluate(recipe(), POLICY, images, trained)


def test_missing_weights_are_named(images, trained):
    (trained / "seed-3.safetensors").unlink()
    with pytest.raises(UserError, match=r"seed-3\.safetensors"):
        evaluate(recipe(), POLICY, images, trained)
