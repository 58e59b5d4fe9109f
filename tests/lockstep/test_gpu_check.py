"""`make gpu-check` on a processor, as far as that goes: its constants, its parts, and what it imports."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from mnist_study.core.recipe import Recipe
from mnist_study.lockstep import networks
from mnist_study.tools.golden.made import images
from mnist_study.tools.gpu_check import __main__ as check
from mnist_study.tools.gpu_check import hashes, speed
from tests.support import ROOT


@pytest.mark.parametrize("name", ["dropout", "champion"])
def test_networks_side_by_side_give_the_constants(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    assert hashes.trained(hashes.recipe(name, "cpu")) == hashes.expected()[name]


def test_its_kinds_are_all_rows_of_the_study():
    assert sum(speed.ROWS.values()) == 60
    assert {name for name, _ in speed.ROWS} == set(hashes.NETWORKS) - {"champion"}


def test_all_parts_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(check, "RESULT", tmp_path / "build" / "gpu_check.json")
    monkeypatch.setattr(check, "_images", lambda device: (images("check", 8, 20), "images made by a hash"))
    monkeypatch.setattr(speed, "ROWS", {("two_pool", 2): 1, ("one_pool_dropout", 2): 1})
    monkeypatch.setattr(speed, "SEEDS", 1)
    monkeypatch.setattr(check, "TIMED", ("two_pool",))
    monkeypatch.setattr(check, "AT_ONCE", (1, 2))
    monkeypatch.setattr(check, "COMPILATION", 1e9)  # torch.compile needs a compiler and half a minute
    whole = check.Check("cpu", seconds=0.0)
    whole.run(whole.study)
    whole.side_by_side(batch=2)
    whole.write()
    found = json.loads((tmp_path / "build" / "gpu_check.json").read_text())
    assert found["study_minutes"] > 0
    assert found["failed"] == {}
    assert list(found["images_per_second"]) == [
        "two_pool, batch 2, 1 at once",
        "one_pool_dropout, batch 2, 1 at once",
        "augmentation, affine",
        "two_pool, 1 at once, exact",
        "two_pool, 2 at once, exact",
        "two_pool, 1, PyTorch eager",
        "two_pool, 1, PyTorch bf16",
        "two_pool, 2 at once, PyTorch vmap",
    ]
    assert "left out" not in capsys.readouterr().out


def test_a_part_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """As a graph that cannot be captured: then all is computed without graphs."""
    real, tried = networks.repeatable, list[str]()

    def hash_of(recipe: Recipe) -> list[str]:
        tried.append(recipe.variant)
        if networks.repeatable is real:
            raise RuntimeError("operation not permitted when stream is capturing")
        return hashes.expected()[recipe.variant]

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(networks, "repeatable", real)
    monkeypatch.setattr(hashes, "trained", hash_of)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    made, result = check.Check("cpu", seconds=0.0), list[dict[str, Any]]()
    monkeypatch.setattr(check, "Check", lambda device, seconds: made)
    for part in ("study", "side_by_side"):
        monkeypatch.setattr(made, part, lambda part=part: None)
    monkeypatch.setattr(made, "write", lambda: result.append(made.found))
    assert check.main() == 1
    assert tried == ["vanilla", *hashes.NETWORKS]
    assert "not permitted" in str(result[0]["failed"])
    assert all(made.found["equal"].values())
    assert "again, without CUDA graphs" in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str]):
    assert check.main() == 1
    assert capsys.readouterr().out == "gpu-check: torch finds no GPU here\n"


def test_it_needs_torch_and_numpy_alone():
    absent = ("safetensors", "yaml", "rich", "typer", "halide", "dvc", "PIL")
    code = f"import sys; sys.modules.update(dict.fromkeys({absent})); import mnist_study.tools.gpu_check.__main__"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env={"PYTHONPATH": str(ROOT / "src")})
