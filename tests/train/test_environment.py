"""What a training runs on is told by versions and processor, and by nothing that differs between two equal runs."""

import json
import platform
from pathlib import Path

import pytest
import torch

from mnist_study.core.recipe import Recipe
from mnist_study.report.results import trained_on
from mnist_study.running import pool
from mnist_study.train import environment
from mnist_study.train.messages import Replica
from stages import train


def test_versions_and_processor_are_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environment, "cpuinfo", lambda *keys: ["Made-up CPU"] if keys == ("model name",) else [])
    told = environment.describe("cpu")
    assert told["packages"].keys() == {"torch", "numpy"}
    assert torch.__version__.startswith(told["packages"]["torch"])
    assert (told["python"], told["machine"]) == (platform.python_version(), platform.machine())
    assert told["processor"] == "Made-up CPU"
    assert told["instructions"] == torch.backends.cpu.get_cpu_capability()
    assert platform.node() not in json.dumps(told)


def test_a_gpu_is_told_where_it_computes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Made-up GPU")
    assert "gpu" not in environment.describe("cpu")
    assert environment.describe("cuda")["gpu"] == "Made-up GPU"


def test_train_records_it_beside_its_results_and_report_takes_it_over(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    trained = Replica(0, b"weights", [], 6290, "torch", "fp32", {"processor": "Made-up CPU"})
    monkeypatch.setattr(pool, "train_all", lambda *arguments: [trained])
    monkeypatch.chdir(tmp_path)
    Path("build/recipes").mkdir(parents=True)
    Path("build/recipes/tiny.json").write_text(recipe.to_json())
    train.main("tiny")
    assert "Made-up CPU" not in Path("results/training/tiny.json").read_text()
    kept = Path("metrics/trained_on.json")
    trained_on.update(kept, ["tiny"], recorded=Path("build/trained_on"), training=Path("results/training"))
    assert json.loads(kept.read_text())["tiny"]["processor"] == "Made-up CPU"
