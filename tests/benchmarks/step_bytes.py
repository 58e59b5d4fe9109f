"""Count what a step of many networks moves and multiplies, on torch's meta device: nothing is computed.

python -m tests.benchmarks.step_bytes
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mnist_study import architectures
from mnist_study.core.arithmetic import chain
from mnist_study.lockstep.networks import Networks
from mnist_study.tools.gpu_check import hashes

NETWORKS, BATCH, SIDE = 30, 64, 28
FREE = {"_unsafe_view", "empty", "new_empty"}  # they move nothing


class Count(TorchDispatchMode):
    """Every operation reads all its inputs and writes its result; what is a view or expanded counts once."""

    def __init__(self) -> None:
        super().__init__()
        self.operations, self.bytes, self.products = 0, 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result, name = func(*args, **(kwargs or {})), func.overloadpacket.__name__
        if func.is_view or name in FREE:
            return result
        self.operations += 1
        for tensor in tree_leaves((args, kwargs, result)):
            if isinstance(tensor, Tensor):
                distinct = [size for size, step in zip(tensor.shape, tensor.stride(), strict=True) if step]
                elements = min(math.prod(distinct), tensor.untyped_storage().nbytes() // tensor.element_size())
                self.bytes += elements * tensor.element_size()
        if name == "bmm":
            self.products += math.prod(args[0].shape) * args[1].shape[2]
        return result


def count(name: str) -> Count:
    """Count a step of networks of this name in `hashes.NETWORKS`, by the plain recipe of the study."""
    asked = hashes.plain_recipe(name, "meta", BATCH)
    architecture, options = hashes.NETWORKS[name]
    model = architectures.build(architecture, **options)
    together = Networks(model, asked, hashes.MEAN, hashes.SD, NETWORKS, SIDE, {BATCH})
    together.repeat[BATCH]()
    with Count() as counted:
        together.repeat[BATCH]()
    return counted


def main() -> None:
    """Print a line for each kind of network."""
    chain.square_root = torch.sqrt  # NumPy has no meta device
    images = NETWORKS * BATCH
    for name in hashes.NETWORKS:
        counted = count(name)
        moved, products = counted.bytes / images / 1e6, counted.products / images / 1e6
        print(f"{name:18} {counted.operations:5} operations {moved:6.1f} MB, {products:5.1f} M products an image")


if __name__ == "__main__":
    main()
