"""A step of the optimiser and of the average of weights, in the memory of the parameters."""

import halide as hl
from torch import nn

from mnist_study.core.arithmetic.chain import TINY, Gradients
from mnist_study.core.arithmetic.optimiser import Optimiser
from mnist_study.kernels.buffer import Buffer, bind
from mnist_study.kernels.kernel import F32, F64, Description, compiled
from mnist_study.kernels.planes import Numbers

PLACE = hl.Var("place")


@compiled
def descend(*, decays: bool, nesterov: bool) -> Description:
    """Compile a step of one parameter.

    Arguments: sums of gradients float64; count of images, rate, momentum and weight decay float32 [4]; weights and
    buffer float32. Results: weights and buffer, each in its own memory or in the argument's.
    """
    sums, settings = hl.ImageParam(F64, 1, "sums"), hl.ImageParam(F32, 1, "settings")
    weights, buffer = hl.ImageParam(F32, 1, "weights"), hl.ImageParam(F32, 1, "buffer")
    moved, out = hl.Func("moved"), hl.Func("out")
    count, rate, momentum, decay = (settings[number] for number in range(4))
    gradient = hl.strict_float(hl.f32(sums[PLACE] / hl.f64(count)))
    if decays:
        gradient = hl.strict_float(gradient + decay * weights[PLACE])
    number = hl.strict_float(momentum * buffer[PLACE] + gradient)
    moved[PLACE] = hl.select(hl.abs(number) < hl.f32(TINY), hl.f32(0.0), number)
    direction = hl.strict_float(momentum * moved[PLACE] + gradient) if nesterov else moved[PLACE]
    weight = hl.strict_float((weights[PLACE] - rate * direction) + hl.f32(0.0))  # + 0 makes -0 to 0
    out[PLACE] = (weight, moved[PLACE])
    moved.compute_root().vectorize(PLACE, 8, hl.TailStrategy.GuardWithIf)  # before a weight that it takes is replaced
    out.vectorize(PLACE, 8, hl.TailStrategy.GuardWithIf)
    return out, [sums, settings, weights, buffer]


@compiled
def move() -> Description:
    """Compile a move toward other numbers by a share of the way.

    Arguments: numbers, others and share float32, the last [1]; result: numbers, in their own memory or another.
    """
    numbers, others, share = (hl.ImageParam(F32, 1, name) for name in ("numbers", "others", "share"))
    out = hl.Func("out")
    out[PLACE] = hl.strict_float(numbers[PLACE] + share[0] * (others[PLACE] - numbers[PLACE]))
    out.vectorize(PLACE, 8, hl.TailStrategy.GuardWithIf)
    return out, [numbers, others, share]


class Descent:
    """An optimiser's steps along gradients that are always in the same memory."""

    def __init__(self, optimiser: Optimiser, sums: Gradients) -> None:
        self.optimiser, self.settings, self.calls = optimiser, Numbers(4), []
        self.settings.array[2:] = optimiser.momentum, optimiser.weight_decay
        for parameter, moved in optimiser.buffers.items():
            kernel = descend(decays=optimiser.weight_decay > 0 and parameter.ndim > 1, nesterov=optimiser.nesterov)
            own = [Buffer(tensor.detach().view(-1).numpy()) for tensor in (parameter, moved)]
            gradient = Buffer(sums[parameter].view(-1).numpy())
            self.calls.append(bind(kernel, gradient, self.settings.buffer, *own, *own))

    def step(self, images: int, rate: float) -> None:
        """As `Optimiser.step`."""
        self.settings.array[:2] = images, rate
        for call in self.calls:
            call()


class Average:
    """The running average of a model's weights and statistics, both always in the same memory."""

    def __init__(self, average: nn.Module, model: nn.Module, decay: float) -> None:
        self.average, share = average, Numbers(1)
        share.array[0] = 1.0 - decay
        pairs = list(zip(average.state_dict().values(), model.state_dict().values(), strict=True))
        self.counts = [(mine, theirs) for mine, theirs in pairs if not mine.is_floating_point()]
        both = ([Buffer(each.view(-1).numpy()) for each in pair] for pair in pairs if pair[0].is_floating_point())
        self.calls = [bind(move(), mine, theirs, share.buffer, mine) for mine, theirs in both]

    def move(self) -> None:
        """As `optimiser.move_average` after the first step."""
        for mine, theirs in self.counts:
            mine.copy_(theirs)
        for call in self.calls:
            call()
