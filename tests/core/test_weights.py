"""Weights come back as they went; what is no safetensors file of this network is refused by name."""

import pickle
from pathlib import Path

import pytest
import torch

from mnist_study import architectures
from mnist_study.core import files, weights
from mnist_study.core.errors import UserError


def test_weights_come_back(tmp_path: Path):
    model, other = architectures.build("one_pool"), architectures.build("one_pool")
    path = tmp_path / "models" / "seed-0.safetensors"
    files.write(path, weights.pack(model))
    weights.load(other, path)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))
    assert [file.name for file in path.parent.iterdir()] == ["seed-0.safetensors"]


@pytest.mark.faults
def test_weights_that_are_used_again_come_back(tmp_path: Path):
    model, other = (architectures.build("champion", layout="8 8 again") for _ in range(2))
    path = tmp_path / "seed-0.safetensors"
    files.write(path, weights.pack(model))
    weights.load(other, path)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))


def test_another_network_is_refused(tmp_path: Path):
    path = tmp_path / "seed-0.safetensors"
    files.write(path, weights.pack(architectures.build("vanilla")))
    with pytest.raises(UserError, match=r"seed-0\.safetensors: not the weights of this network \(size mismatch for "):
        weights.load(architectures.build("one_pool"), path)


@pytest.mark.faults
@pytest.mark.parametrize("content", [b"", b"half a file", pickle.dumps({"0.weight": [1.0]})])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "seed-0.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"seed-0\.safetensors: not the weights of this network"):
        weights.load(architectures.build("one_pool"), path)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"seed-0\.safetensors"):
        weights.load(architectures.build("one_pool"), tmp_path / "seed-0.safetensors")
