"""`mnist-study verify`: golden vectors are only added, and landed networks are compared."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_study import architectures
from mnist_study.core import files, weights
from mnist_study.core.arithmetic import VERSION, optimiser
from mnist_study.core.errors import UserError
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.evaluate import build, proof, scorer
from mnist_study.tools.golden import verify


def test_a_new_vector_is_added_and_none_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    vectors = {"sum": {"given": {"x": [1, 2]}, "gives": {"y": [3]}}}
    hashes = {"step": "abc"}
    for name in ("OPERATIONS", "TRAININGS"):
        monkeypatch.setattr(verify, name, tmp_path / f"{name}.json")
    monkeypatch.setattr(verify, "FOLDER", tmp_path)
    monkeypatch.setattr(verify, "plain_vectors", lambda: vectors)
    monkeypatch.setattr(verify, "computed", lambda: hashes.items())
    verify.write()
    hashes["training"] = "def"
    verify.write()
    written = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("OPERATIONS", "TRAININGS")]
    assert written == [vectors, hashes]
    hashes["step"] = "ghi"
    with pytest.raises(UserError, match="step would change; arithmetic 1 is frozen"):
        verify.write()
    assert json.loads((tmp_path / "TRAININGS.json").read_text())["step"] == "abc"


@pytest.fixture
def landed_network(tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one landed network, as evaluated."""
    monkeypatch.chdir(tmp_path)
    recipe = replace(recipe, engine="exact", seeds=(3,))
    model = build(recipe)
    optimiser.initialise(model, 3)
    policy = Policy(0.13, 0.31, {})
    logits = scorer(model, recipe, policy)(proof.images(28))
    path = Path("models/tiny/seed-3.safetensors")
    texts = {
        "build/recipes/tiny.json": recipe.to_json(),
        "build/images.json": '{"side": 28}',
        f"data/transforms/{recipe.augmentation}.json": json.dumps({"mean": 0.13, "sd": 0.31, "ranges": {}}),
        "metrics/logits.json": json.dumps({"tiny": {"3": proof.sha256(logits)}, "not_pulled": {"0": "ab"}}),
    }
    for name, text in texts.items():
        files.write(Path(name), text.encode())
    files.write(path, weights.pack(model, {"arithmetic": str(VERSION)}))
    return path


def test_landed_networks_are_compared(landed_network: Path, capsys: pytest.CaptureFixture[str]):
    assert verify.verify_landed()
    assert capsys.readouterr().out.startswith("landed networks: 1 networks, all equal (")
    model = architectures.build("two_pool")
    files.write(landed_network, weights.pack(model, {"arithmetic": str(VERSION)}))
    assert not verify.verify_landed()
    assert "DIFFERENT models/tiny/seed-3.safetensors: logits are not" in capsys.readouterr().out


def test_without_weights_it_says_what_restores_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    assert verify.verify_landed()
    assert capsys.readouterr().out == "landed networks: none here; `make repro` restores them\n"
