"""The tensors of many networks of one kind, stacked, in memory that does not move; and what is computed with them."""

import copy
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from mnist_study.core.arithmetic.pixels import STEPS, normalised
from mnist_study.core.arithmetic.scoring import BATCH
from mnist_study.core.recipe import Recipe
from mnist_study.lockstep.batchable import Batchable
from mnist_study.lockstep.graph import repeatable
from mnist_study.lockstep.step import Logits, Step


class Networks:
    """So many networks as `model`, trained by the numbers of one recipe; each of `sizes` is that of a batch.

    `side` is the images', `mean` and `sd` normalise them. The recipe's device may be "cpu", too.
    """

    def __init__(
        self, model: nn.Module, recipe: Recipe, mean: float, sd: float, count: int, side: int, sizes: set[int]
    ) -> None:
        device = recipe.device
        self.count, self.mean, self.sd = count, mean, sd
        model, average = copy.deepcopy(model), copy.deepcopy(model) if recipe.ema > 0 else None
        self.one = Step(model, average, recipe, mean, sd)
        self.score = Logits(model)
        self.batchable = Batchable(device)
        with torch.device(device):
            shapes = {name: (count, *tensor.shape) for name, tensor in tensors(self.one).items()}
            self.tensors = {name: torch.zeros(shapes[name], dtype=t.dtype) for name, t in tensors(self.one).items()}
            self.momentum = torch.zeros(count, sum(parameter.numel() for parameter in model.parameters()))
            self.rate = torch.zeros(count)
            self.keys = torch.zeros(count, len(self.one.network.cells), 2, dtype=torch.int64)
            self.pixels = torch.zeros(count, max(sizes), side, side, dtype=torch.int16)
            self.labels, self.numbers = (torch.zeros(count, max(sizes), dtype=torch.int64) for _ in range(2))
            self.steps = torch.zeros((), dtype=torch.int64)
            self.loss, self.correct, self.diverged = (torch.zeros(count, dtype=torch.int64) for _ in range(3))
        pool = torch.cuda.graph_pool_handle() if device == "cuda" else None
        self.repeat = {size: repeatable(partial(self._step, size), device, pool) for size in sorted(sizes)}

    def put(self, number: int, model: nn.Module, average: nn.Module | None, momentum: Tensor) -> None:
        """Take a network's tensors in."""
        self.momentum[number] = momentum
        for mine, theirs in self._pairs(model, average):
            mine[number] = theirs

    def take(self, number: int, model: nn.Module, average: nn.Module | None, momentum: Tensor) -> None:
        """Copy a network's tensors out."""
        momentum.copy_(self.momentum[number])
        for mine, theirs in self._pairs(model, average):
            theirs.copy_(mine[number])

    def begin_epoch(self, keys: Tensor) -> None:
        """Set the keys of dropout, [networks, cells, 2], and what `totals` gives to 0."""
        self.keys.copy_(keys)
        for total in (self.steps, self.loss, self.correct, self.diverged):
            total.zero_()

    def begin_average(self) -> None:
        """Let each average be its network, after the first step."""
        for name, tensor in self.tensors.items():
            if name.startswith("average."):
                tensor.copy_(self.tensors["model." + name.removeprefix("average.")])

    def step(self, pixels: Tensor, labels: Tensor, numbers: Tensor, rate: Tensor) -> None:
        """Take one step of all networks; pixels [networks, N, H, W], labels and numbers [networks, N], rates."""
        size = labels.shape[1]
        self.pixels[:, :size].copy_(pixels)
        self.labels[:, :size].copy_(labels)
        self.numbers[:, :size].copy_(numbers)
        self.rate.copy_(rate)
        self.repeat[size]()

    def totals(self) -> list[list[int]]:
        """Give for each network the epoch's loss in 2^-32 nats, its hits, and the first step that diverged or 0."""
        return torch.stack((self.loss, self.correct, self.diverged), 1).tolist()

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """Give float32 logits [networks, N, classes] of uint8 images, by the averages where there are any."""
        kind = "average." if self.one.average is not None else "model."
        scored = {
            "model." + name.removeprefix(kind): tensor for name, tensor in self.tensors.items() if name.startswith(kind)
        }
        compute = vmap(partial(functional_call, self.score, tie_weights=False), in_dims=(0, None))
        parts = [normalised(batch.long() * STEPS, self.mean, self.sd) for batch in images.split(BATCH)]
        return torch.cat([compute(scored, part) for part in parts], 1)

    @torch.no_grad()
    def _step(self, size: int) -> None:
        inputs = (self.pixels[:, :size], self.labels[:, :size], self.numbers[:, :size])
        with self.batchable:
            compute = vmap(partial(functional_call, self.one, tie_weights=False))
            losses, correct, diverged = compute(self.tensors, (self.momentum, self.rate, self.keys, *inputs))
        self.steps += 1
        self.loss += losses
        self.correct += correct
        self.diverged.copy_(torch.where((self.diverged == 0) & diverged, self.steps, self.diverged))

    @torch.no_grad()
    def _pairs(self, model: nn.Module, average: nn.Module | None) -> list[tuple[Tensor, Tensor]]:
        theirs = tensors(nn.ModuleDict({"model": model} if average is None else {"model": model, "average": average}))
        return [(mine, theirs[name].detach()) for name, mine in self.tensors.items()]


def tensors(module: nn.Module) -> dict[str, Tensor]:
    """Name parameters and buffers, one that is used twice once."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}
