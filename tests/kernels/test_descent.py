"""The optimiser's step as a kernel: the bits of core's, for any number of weights."""

import pytest
import torch
from torch import nn

from mnist_study.core.arithmetic.chain import Gradients
from mnist_study.core.arithmetic.optimiser import Optimiser, initialise
from mnist_study.kernels.descent import Descent


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.01])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 15])
def test_steps_are_cores(count: int, decay: float, nesterov: bool):
    """Weights and momentum lie in the memory of the kernel's arguments, and some are left over behind whole vectors."""
    models = [nn.Linear(count, 1) for _ in range(2)]
    for model in models:
        initialise(model, 0)
    ours, cores = (Optimiser(model.parameters(), 0.9, decay, nesterov=nesterov) for model in models)
    sums: Gradients = {
        parameter: torch.zeros(parameter.shape, dtype=torch.float64) for parameter in models[0].parameters()
    }
    descent, made = Descent(ours, sums), torch.Generator().manual_seed(0)
    pairs = list(zip(*(model.parameters() for model in models), strict=True))
    for number in range(3):
        for total in sums.values():
            total.copy_(torch.randn(total.shape, dtype=torch.float64, generator=made))
        descent.step(5 + number, 0.05 / (1 + number))
        cores.step({theirs: sums[mine] for mine, theirs in pairs}, 5 + number, 0.05 / (1 + number))
        for mine, theirs in pairs:
            assert torch.equal(mine, theirs)
            assert torch.equal(ours.buffers[mine], cores.buffers[theirs])
