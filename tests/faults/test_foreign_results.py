"""Weights, predictions and results that are not what their names say: refused by name by the real stages."""

import io
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.pipeline.test_pipeline import ONE, TWO
from tests.support.checkout import Checkout

pytestmark = [pytest.mark.slow, pytest.mark.faults]


class Bait:
    """A pickle that makes a folder where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def refused(checkout: Checkout, *command: str) -> str:
    """Run a stage that is to refuse; give its one line."""
    done = checkout.run(sys.executable, "-m", *command, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def torch_pickle(bait: Bait) -> bytes:
    buffer = io.BytesIO()
    torch.save({"0.weight": bait}, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_weights_that_are_a_pickle_run_nothing(checkout: Checkout, tmp_path: Path, kind: str):
    bait = Bait(tmp_path / "bait")
    weights = checkout.folder / "models" / ONE / "seed-0.safetensors"
    weights.write_bytes(pickle.dumps({"0.weight": bait}) if kind == "pickle" else torch_pickle(bait))
    line = refused(checkout, "stages.evaluate", ONE)
    assert line.startswith(f"error: models/{ONE}/seed-0.safetensors: not the weights of this network (")
    assert not bait.path.exists()


def test_weights_of_another_network(checkout: Checkout):
    path = checkout.folder / f"models/{ONE}/seed-0.safetensors"
    tensors = load_file(path)
    name = next(name for name, tensor in tensors.items() if tensor.dim() == 4)
    path.unlink()
    save_file(tensors | {name: tensors[name][:1].clone()}, path)
    assert f"models/{ONE}/seed-0.safetensors: not the weights of this" in refused(checkout, "stages.evaluate", ONE)


def test_weights_that_are_no_numbers(checkout: Checkout):
    path = checkout.folder / "models" / ONE / "seed-0.safetensors"
    tensors = load_file(path)
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    tensors[name].view(-1)[0] = float("nan")
    path.unlink()
    save_file(tensors, path)
    line = refused(checkout, "stages.evaluate", ONE)
    assert f"models/{ONE}/seed-0.safetensors: {name} holds values that are not finite" in line


@pytest.mark.parametrize("kind", ["predictions", "evaluation", "training", "a pickle", "objects"])
def test_results_of_another_variant(checkout: Checkout, tmp_path: Path, kind: str):
    results, bait = checkout.folder / "results", Bait(tmp_path / "bait")
    folder = "predictions" if " " in kind or kind == "objects" else kind
    suffix = "npz" if folder == "predictions" else "json"
    (results / folder / f"{ONE}.{suffix}").unlink()
    if kind == "a pickle":
        (results / f"predictions/{ONE}.npz").write_bytes(pickle.dumps({"predicted": bait}))
    elif kind == "objects":
        np.savez(results / f"predictions/{ONE}.npz", predicted=np.array([bait], dtype=object))
    else:
        shutil.copy2(results / folder / f"{TWO}.{suffix}", results / folder / f"{ONE}.{suffix}")
    before = (checkout.folder / "reports" / "study.md").read_bytes()
    line = refused(checkout, "stages.report")
    assert f"results/{folder}/{ONE}.{suffix}: " in line
    assert "delete it and run `dvc repro`" in line
    assert (checkout.folder / "reports" / "study.md").read_bytes() == before
    assert not bait.path.exists()
    (results / folder / f"{ONE}.{suffix}").unlink()
    checkout.repro()
    assert checkout.git_status() == ""


def test_debug_shows_where(checkout: Checkout):
    (checkout.folder / "models" / ONE / "seed-0.safetensors").write_bytes(b"")
    command = [sys.executable, "-m", "stages.evaluate", ONE, "--debug"]
    done = subprocess.run(command, cwd=checkout.folder, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "not the weights of this network" in done.stderr.splitlines()[-1]
