"""The golden steps' networks as JSON for second_golden.py: `python -m tests.core.arithmetic.structures`."""

import json
from typing import Any

from torch import nn

from mnist_study import architectures
from mnist_study.core.arithmetic import network
from mnist_study.tools.golden import trainings, verify
from tests.support import ROOT


def structure(model: nn.Module) -> dict[str, Any]:
    """Give a network's layers: shapes, and the names under which initial weights are drawn."""
    known = network.read(model)
    names = {layer: name for name, layer in model.named_modules()}
    cells = [
        {
            "name": names[cell.convolution],
            "shape": list(cell.convolution.weight.shape),
            "bias": cell.convolution.bias is not None,
            "P": cell.convolution.padding[0],
            "relu1": cell.first_relu,
            "norm": cell.norm is not None,
            "relu2": cell.last_relu,
            "dropout": cell.dropout,
            "pool": cell.pool,
        }
        for cell in known.cells
    ]
    head = known.head and {"name": names[known.head], "shape": list(known.head.weight.shape)}
    return {"cells": cells, "head": head}


def all_structures() -> dict[str, Any]:
    hashes = json.loads((ROOT / verify.TRAININGS).read_text())
    networks = {
        name: structure(architectures.build(architecture, **options))
        for name, (architecture, options) in trainings.NETWORKS.items()
    }
    expected = {name: hashes[f"step {name}"] for name in networks}
    vectors = json.loads((ROOT / verify.OPERATIONS).read_text())
    return {
        "vectors": vectors,
        "networks": networks,
        "expected": expected,
        "ranges": trainings.POLICIES["affine_jitter"],
    }


if __name__ == "__main__":
    print(json.dumps(all_structures()))
