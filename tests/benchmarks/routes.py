"""One training step by the kernels and by each of torch's routes on a processor, in turn: which is fastest?

    python -m tests.benchmarks.routes [--architecture transition_fc] [--batch-size 64] [--threads 1] [--rounds 15]

A step is forward, backward and SGD with momentum, of one network on images that are augmented already. Torch computes
in float32 or bf16, images contiguous or `channels_last`, eager or compiled (which needs a C++ compiler).
"""

import argparse
import itertools
import time
import warnings
from collections.abc import Callable
from statistics import median

import torch
from rich.progress import track
from torch import nn

from mnist_study import architectures, kernels
from mnist_study.core.arithmetic import network, optimiser
from mnist_study.core.arithmetic import step as reference
from mnist_study.core.arithmetic.pixels import STEPS
from tests.benchmarks import digits
from tests.benchmarks.cases import ARCHITECTURES, MEAN, SD

STEPS_A_ROUND = 4
Step = Callable[[], object]


def kernel_step(architecture: str, batch_size: int) -> Step:
    """Give a step by the kernels."""
    model = architectures.build(architecture)
    optimiser.initialise(model, 0)
    batch = digits.first(digits.images()[0], batch_size)
    pixels, numbers = batch.images.int() * STEPS, torch.arange(batch_size)
    known = network.read(model)
    arithmetic = kernels.trains(known, batch.images, batch_size, MEAN, SD)
    dropout = reference.dropout_keys(known, 0, 1)
    momentum = optimiser.Optimiser(model.parameters(), 0.9, 0.0, nesterov=False)

    def step() -> None:
        result = arithmetic.forward_backward(pixels, batch.labels, numbers, dropout, 0.0)
        arithmetic.descend(momentum, result.gradients, batch_size, 0.01)

    return step


def torch_step(architecture: str, batch_size: int, *, bf16: bool, channels_last: bool, compiled: bool) -> Step:
    """Give a step by torch."""
    model: nn.Module = architectures.build(architecture)
    batch = digits.first(digits.images()[0], batch_size)
    images = ((batch.images / 255 - MEAN) / SD).unsqueeze(1)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    run = torch.compile(model) if compiled else model
    descent = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step() -> None:
        descent.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = nn.functional.cross_entropy(run(images), batch.labels)
        loss.backward()
        descent.step()

    return step


def routes(architecture: str, batch_size: int) -> dict[str, Step]:
    """Name every route, the kernels first."""
    steps = {"kernels": kernel_step(architecture, batch_size)}
    for bf16, channels_last, compiled in itertools.product((False, True), repeat=3):
        words = ["bf16" if bf16 else "float32", *["channels_last"] * channels_last, *["compiled"] * compiled]
        steps[f"torch, {', '.join(words)}"] = torch_step(
            architecture, batch_size, bf16=bf16, channels_last=channels_last, compiled=compiled
        )
    return steps


def milliseconds(step: Step) -> float:
    """Time a step, mean of a few."""
    begun = time.perf_counter()
    for _ in range(STEPS_A_ROUND):
        step()
    return 1000 * (time.perf_counter() - begun) / STEPS_A_ROUND


def main() -> None:
    """Print a line for each route: the median of its rounds, and by how much it exceeds the kernels'."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="transition_fc")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    warnings.filterwarnings("ignore", module="torch")  # compilers warn of what is no concern here
    steps = routes(given.architecture, given.batch_size)
    for step in track(steps.values(), "compile and warm up"):
        milliseconds(step)
    rounds = [{name: milliseconds(step) for name, step in steps.items()} for _ in range(given.rounds)]
    for name in steps:
        ratio = median(each[name] / each["kernels"] for each in rounds)
        print(f"{median(each[name] for each in rounds):7.2f} ms  {ratio:5.2f}x  {name}")


if __name__ == "__main__":
    main()
