"""How fast networks train side by side, and what the whole study would take at that rate."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mnist_study import architectures, kernels
from mnist_study.core.mnist import Split
from mnist_study.lockstep.networks import Networks
from mnist_study.tools.gpu_check import hashes

EPOCHS, IMAGES, TEST, SEEDS = 19, 60_000, 10_000, 5  # of the study
ROWS = {  # of the study: networks of one kind, by batch size
    **{(name, size): 6 for name in ("vanilla", "dropout", "transition_fc", "transition") for size in (64, 128)},
    **{(name, 64): 4 for name in ("two_pool", "two_pool_dropout")},
    **{(name, 64): 2 for name in ("one_pool", "one_pool_dropout")},
}


@dataclass(frozen=True)
class Rate:
    """Seconds of a step of `networks` networks with `batch` images each, and GiB of memory at most."""

    networks: int
    batch: int
    seconds: float
    memory: float

    @property
    def images(self) -> float:
        """Images per second of all networks."""
        return self.networks * self.batch / self.seconds


def measure(name: str, networks: int, batch: int, split: Split, device: str, seconds: float) -> Rate:
    """Time steps of the plain recipe, augmentation apart, for so long; half as many networks where memory is short."""
    recipe = hashes.plain_recipe(name, device, batch)
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    model = architectures.build(recipe.architecture, **recipe.model)
    try:
        together = Networks(model, recipe, hashes.MEAN, hashes.SD, networks, split.images.shape[2], {batch})
    except torch.cuda.OutOfMemoryError:
        if networks == 1:
            raise
        together = None
    if together is None:
        return measure(name, networks // 2, batch, split, device, seconds)
    chosen = torch.arange(networks * batch, device=device).view(networks, batch) % len(split)
    inputs = (split.images[chosen].short() * 128, split.labels[chosen], chosen, together.rate)
    step = per_call(lambda: together.step(*inputs), device, seconds)
    memory = torch.cuda.max_memory_reserved() / 2**30 if device == "cuda" else 0.0
    return Rate(networks, batch, step, memory)


def per_call(compute: Callable[[], object], device: str, seconds: float) -> float:
    """Give the seconds of a call, of as many as take about so long."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None

    def timed(calls: int) -> float:
        wait()
        begun = time.perf_counter()
        for _ in range(calls):
            compute()
        wait()
        return (time.perf_counter() - begun) / calls

    timed(2)
    return timed(max(1, min(1000, int(seconds / timed(2)))))


def augmentation(split: Split, device: str, seconds: float) -> float:
    """Give the seconds that the augmentation of 4,096 images takes, for each image."""
    count = min(4096, len(split))
    numbers = torch.arange(count, device=device)

    def augmented() -> Tensor:
        return kernels.augment(split.images[:count], numbers, hashes.POLICY, 0, 1)

    return per_call(augmented, device, seconds) / count


def study(rates: dict[tuple[str, int], Rate], augmented: float) -> float:
    """Give the seconds of training the whole study; scoring 10,000 images is counted as a third of training them."""
    total = 0.0
    for (name, batch), rate in rates.items():
        images = ROWS[name, batch] * SEEDS * EPOCHS * (IMAGES + TEST / 3)
        total += images / rate.images
    return total + augmented * sum(ROWS.values()) * SEEDS * EPOCHS * IMAGES
