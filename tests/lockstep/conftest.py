"""Lockstep on the processor: the reference, one thread, and its square root in a form that vmap follows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mnist_study.core.arithmetic import chain


class SquareRoot(torch.autograd.Function):
    """`functions.square_root` on a processor goes through numpy, which `vmap` cannot follow; a GPU has torch's own."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return torch.as_tensor(np.sqrt(x.numpy())) if x.device.type == "cpu" else x.sqrt()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        return SquareRoot.apply(*args), in_dims[0]


@pytest.fixture(autouse=True)
def processor(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(chain, "square_root", SquareRoot.apply)
    monkeypatch.setenv("MNIST_STUDY_REFERENCE", "1")  # kernels take seconds to compile, and give the same bits
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
