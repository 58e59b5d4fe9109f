"""Descent, average and initial weights beside torch's."""

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnist_study import architectures
from mnist_study.core.arithmetic import optimiser
from mnist_study.core.arithmetic.chain import Gradients


def decaying(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Filters and matrices decay, biases and norms do not."""
    parameters = list(model.parameters())
    return [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": weight_decay},
        {"params": [each for each in parameters if each.ndim == 1], "weight_decay": 0.0},
    ]


@pytest.mark.parametrize("nesterov", [False, True])
def test_steps_and_average_are_torchs(nesterov: bool):
    model = architectures.build("two_pool")
    optimiser.initialise(model, 0)
    theirs, average = copy.deepcopy(model), copy.deepcopy(model)
    sgd = torch.optim.SGD(decaying(theirs, 0.01), lr=0.1, momentum=0.9, nesterov=nesterov)
    averaged = AveragedModel(theirs, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    ours = optimiser.Optimiser(model.parameters(), 0.9, 0.01, nesterov=nesterov)
    generator = torch.Generator().manual_seed(0)
    for number in range(4):
        sums: Gradients = {}
        for mine, other in zip(model.parameters(), theirs.parameters(), strict=True):
            sums[mine] = torch.randn(mine.shape, generator=generator).double()
            other.grad = (sums[mine] / 48).float()
        ours.step(sums, 48, 0.1)
        sgd.step()
        optimiser.move_average(average, model, 0.9, first=number == 0)
        averaged.update_parameters(theirs)
    for mine, other in zip(model.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(mine, other, rtol=1e-5, atol=1e-7)
    for mine, other in zip(average.parameters(), averaged.module.parameters(), strict=True):
        assert torch.allclose(mine, other, rtol=1e-5, atol=1e-7)


def test_initial_weights_are_uniform_as_torchs_and_differ_between_seeds_and_layers():
    layers = [nn.Conv2d(40, 30, 3), nn.Conv2d(40, 30, 3)]
    model = nn.Sequential(*layers)
    optimiser.initialise(model, 0)
    first, second = (layer.weight.detach().clone() for layer in layers)
    bound = 1 / (40 * 9) ** 0.5
    assert 0.999 * bound < first.abs().max() < bound
    assert first.mean().abs() < 5 * bound / (3 * first.numel()) ** 0.5
    assert first.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)
    optimiser.initialise(model, 1)
    assert not torch.equal(first, second)
    assert not torch.equal(first, layers[0].weight)


def test_momentum_never_becomes_denormal():
    model = nn.Linear(1, 1)
    ours = optimiser.Optimiser(model.parameters(), 0.5, 0.0, nesterov=False)
    tiny = torch.full((1, 1), 2.0**-98, dtype=torch.float64)
    sums: Gradients = {model.weight: tiny, model.bias: tiny[0]}
    ours.step(sums, 1, 0.1)
    for _ in range(4):
        ours.step({parameter: total * 0 for parameter, total in sums.items()}, 1, 0.1)
    assert all(not buffer.any() for buffer in ours.buffers.values())
