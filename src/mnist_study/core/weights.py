"""Weights as safetensors: a pickle could run code."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import nn

from mnist_study.core.errors import UserError


def pack(model: nn.Module, about: dict[str, str] | None = None) -> bytes:
    """Turn a model's weights and running statistics into the bytes of a safetensors file; `about` is its metadata."""
    return save({name: tensor.cpu().contiguous().clone() for name, tensor in model.state_dict().items()}, about)


def about(path: Path) -> dict[str, str]:
    """Give a file's metadata; raises UserError where it cannot be read."""
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: not a file of weights ({error})") from None


def load(model: nn.Module, path: Path) -> None:
    """Fill the model from the file; raises UserError where the file is not this model's weights."""
    try:
        model.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[-1].strip()  # torch's first line only says that there are errors
        raise UserError(f"{path}: not the weights of this network ({reason})") from None
