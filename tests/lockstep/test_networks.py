"""Networks side by side are each what they are alone, bit for bit, and what a GPU repeats asks nothing of the host."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mnist_study import architectures
from mnist_study.core.arithmetic import network, optimiser, step
from mnist_study.core.arithmetic.optimiser import Optimiser
from mnist_study.core.arithmetic.random_words import Key
from mnist_study.core.arithmetic.reference import Reference
from mnist_study.core.recipe import Recipe
from mnist_study.lockstep.networks import Networks
from mnist_study.tools.golden import trainings
from mnist_study.tools.golden.made import images

SEEDS, SIDE, SIZES, RATES = (3, 4), 20, (4, 3), torch.tensor([0.05, 0.1])
MEAN, SD = 0.1307, 0.3081
ALL = {"ema": 0.9, "nesterov": True, "weight_decay": 1e-3, "label_smoothing": 0.1}


def stacked(keys: list[list[Key]]) -> Tensor:
    return torch.stack([torch.stack([torch.stack(key) for key in each]) for each in keys])


@pytest.mark.parametrize(
    ("name", "changes"), [(name, ALL) for name in trainings.NETWORKS] + [("two_pool", {}), ("dropout", {})]
)
def test_networks_together_are_each_as_alone(name: str, changes: dict[str, Any]):
    """Two steps, the second with a smaller batch, then logits."""
    architecture, options = trainings.NETWORKS[name]
    recipe: Recipe = replace(trainings.BASE, **changes)
    models = [architectures.build(architecture, **options) for _ in SEEDS]
    for seed, model in zip(SEEDS, models, strict=True):
        optimiser.initialise(model, seed)
    averages = [copy.deepcopy(model) if recipe.ema else None for model in models]
    optimisers = [
        Optimiser(each.parameters(), recipe.momentum, recipe.weight_decay, nesterov=recipe.nesterov) for each in models
    ]
    known = [network.read(model) for model in models]
    keys = [step.dropout_keys(each, seed, 1) for each, seed in zip(known, SEEDS, strict=True)]

    together = Networks(copy.deepcopy(models[0]), recipe, MEAN, SD, len(SEEDS), SIDE, set(SIZES))
    for number, model in enumerate(models):
        together.put(number, model, averages[number], optimisers[number].buffer)
    together.begin_epoch(stacked(keys))
    losses, correct = [0 for _ in SEEDS], [0 for _ in SEEDS]
    for taken, size in enumerate(SIZES):
        splits = [images(f"step {taken} {seed}", size, SIDE) for seed in SEEDS]
        pixels = torch.stack([split.images.long() * 128 for split in splits])
        numbers = torch.stack([7 * torch.arange(size) + seed for seed in SEEDS])
        for i, (split, model) in enumerate(zip(splits, models, strict=True)):
            alone = Reference(known[i], MEAN, SD)
            result = alone.forward_backward(pixels[i], split.labels, numbers[i], keys[i], recipe.label_smoothing)
            alone.descend(optimisers[i], result.gradients, size, RATES[i].item())
            if (average := averages[i]) is not None:
                alone.average(average, model, recipe.ema, first=taken == 0)
            losses[i] += int(result.losses.sum())
            correct[i] += int((result.predicted == split.labels).sum())
        together.step(pixels, torch.stack([split.labels for split in splits]), numbers, RATES)
        if taken == 0:
            together.begin_average()

    assert together.totals() == [[loss, right, 0] for loss, right in zip(losses, correct, strict=True)]
    scored = images("scored", 6, SIDE).images
    for i, logits in enumerate(together.logits(scored)):
        model, average = copy.deepcopy(models[i]), copy.deepcopy(averages[i])
        momentum = torch.zeros_like(optimisers[i].buffer)
        together.take(i, model, average, momentum)
        assert torch.equal(momentum, optimisers[i].buffer)
        assert different(model, models[i]) == []
        assert average is None or different(average, averages[i] or model) == []
        assert torch.equal(logits, Reference(network.read(averages[i] or models[i]), MEAN, SD).logits(scored))


def different(one: nn.Module, two: nn.Module) -> list[str]:
    pairs = zip(one.state_dict().items(), two.state_dict().values(), strict=True)
    return [name for (name, mine), theirs in pairs if not torch.equal(mine, theirs)]


class Watch(TorchDispatchMode):
    """Collect what a CUDA graph cannot hold: tensors of the host, and looks at a tensor's value."""

    def __init__(self) -> None:
        super().__init__()
        self.count, self.found = 0, set[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        name, result = func.overloadpacket.__name__, func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
        self.found |= {name} if {tensor.device.type for tensor in tensors} != {"meta"} else set()
        return result


@pytest.mark.parametrize("name", ["transition_fc", "champion again"])
def test_a_step_is_fit_for_a_graph_once_it_has_run(name: str):
    """It copies nothing from the host, where constants are made the first time; on "meta" a look at a value fails."""
    architecture, options = trainings.NETWORKS[name]
    recipe = replace(trainings.BASE, device="meta", **ALL)
    together = Networks(architectures.build(architecture, **options), recipe, MEAN, SD, 2, SIDE, {4})
    together.repeat[4]()
    constants = set(together.batchable.constants)
    assert constants
    with Watch() as watch:
        together.repeat[4]()
    assert watch.count > 1000
    assert watch.found == set()
    assert set(together.batchable.constants) == constants
