"""The kinds of augmentation as one kernel for each policy, which gives the bits of mnist_study.augmentation."""

import functools

import halide as hl
import numpy as np
import torch
from torch import Tensor

from mnist_study.augmentation import load
from mnist_study.augmentation.affine import BITS, BORDER
from mnist_study.augmentation.noise import SD
from mnist_study.core.arithmetic.pixels import STEPS, WHITE
from mnist_study.core.arithmetic.random_words import key
from mnist_study.core.policy import Policy
from mnist_study.kernels.buffer import Buffer
from mnist_study.kernels.functions import Words, keys, sine_and_cosine, words
from mnist_study.kernels.kernel import F64, I16, I32, I64, LANES, U32, Description, compiled

AT_ONCE = 4  # pixels of a row; more compile for longer and are no faster, since each is looked up alone
X, Y, IMAGE, FIELD = (hl.Var(name) for name in ("x", "y", "image", "field"))
HERE = [X, Y, IMAGE]
Drawn = dict[str, hl.Expr]


def augment(images: Tensor, numbers: Tensor, policy: Policy, seed: int, epoch: int) -> Tensor:
    """As `augmentation.augment`, for the kinds in `KERNELS`; gives int16 pixels [N, H, W]."""
    kinds = [kind for kind in load(policy) if policy.varies(*kind.PARAMETERS)]
    names = [name for kind in kinds for name in kind.PARAMETERS]
    purposes = [*(("augmentation", seed, epoch, name) for name in names), ("noise", seed, epoch)]
    streams = np.array([_key(*purpose) for purpose in purposes], np.uint32)
    ranges = np.array([(low, high - low) for low, high in map(policy.ends, names)], np.float64).reshape(-1, 2)
    pixels = torch.empty(images.shape, dtype=torch.int16)
    given = (Buffer(array) for array in (images.numpy(), numbers.numpy(), streams, ranges))
    kernel = _kernel(tuple((kind.__name__.rpartition(".")[2], *kind.PARAMETERS) for kind in kinds))
    kernel(*given, images.shape[1], Buffer(pixels.numpy()))
    return pixels


@functools.lru_cache(maxsize=64)
def _key(*purpose: str | int) -> tuple[int, ...]:
    return tuple(int(word) for word in key(*purpose))


@compiled
def _kernel(kinds: tuple[tuple[str, ...], ...]) -> Description:
    """Compile these kinds, each given by its name and those of its parameters.

    Arguments: uint8 images [N, side, side], int64 numbers [N], uint32 keys of the parameters and of noise [.., 2], low
    end and length of each parameter's range, float64 [.., 2], side; result: int16 pixels.
    """
    images, numbers = hl.ImageParam(hl.UInt(8), 3, "images"), hl.ImageParam(I64, 1, "numbers")
    streams, ranges, side = hl.ImageParam(U32, 2, "streams"), hl.ImageParam(F64, 2, "ranges"), hl.Param(I32, "side")
    number, last = hl.cast(U32, numbers[IMAGE]), sum(len(parameters) for _, *parameters in kinds)
    draws, pixels = hl.Func("draws"), hl.Func("pixels")
    share = hl.f64(words((streams[0, FIELD], streams[1, FIELD]), number)) * hl.f64(2.0**-32)
    draws[FIELD, IMAGE] = hl.strict_float(ranges[0, FIELD] + ranges[1, FIELD] * share)
    pixels[HERE] = hl.i32(images[HERE]) * STEPS
    steps, place = [draws, pixels], 0
    for name, *parameters in kinds:
        drawn = {parameter: hl.Expr(draws[place + n, IMAGE]) for n, parameter in enumerate(parameters)}
        steps += KERNELS[name](steps[-1], side, drawn, keys((streams[0, last], streams[1, last]), number))
        place += len(parameters)
    out = hl.Func("out")
    out[HERE] = hl.cast(I16, steps[-1][HERE])
    out.vectorize(X, AT_ONCE, hl.TailStrategy.GuardWithIf).parallel(IMAGE, LANES, hl.TailStrategy.GuardWithIf)
    for step in steps:
        step.compute_at(out, IMAGE)
        if step.dimensions() == len(HERE):
            step.vectorize(X, AT_ONCE, hl.TailStrategy.GuardWithIf)
    return out, [images, numbers, streams, ranges, side]


# A kind's kernel: its steps, of which the last gives int32 pixels. `noise` is the image's key of noise.
def _affine(pixels: hl.Func, side: hl.Param, drawn: Drawn, noise: Words) -> list[hl.Func]:
    turns, lines, framed, out = (hl.Func(name) for name in ("turns", "lines", "framed", "affine"))
    angles = drawn["shear_x"], drawn["shear_y"], drawn["rotation"], drawn["rotation"] - drawn["shear_y"]
    turns[FIELD, IMAGE] = sine_and_cosine(hl.mux(FIELD, [hl.strict_float(angle) for angle in angles]))
    (a, b), (c, d) = _inverse([turns[number, IMAGE] for number in range(len(angles))], drawn["scale"])
    across, down = (hl.strict_float(drawn[f"translation_{axis}"] * hl.f64(side)) for axis in "xy")
    middle = hl.f64(side - 1) / hl.f64(2.0)
    starts = (hl.strict_float(middle - (one * across + two * down)) for one, two in ((a, b), (c, d)))
    lines[IMAGE] = tuple(_fixed(each, BITS - 1) for each in (a, b, c, d)) + tuple(_fixed(s, BITS) for s in starts)
    a, b, left, c, d, top = (lines[IMAGE][number] for number in (0, 1, 4, 2, 3, 5))
    x, y = (hl.cast(I64, 2 * place + 1 - side) for place in (X, Y))
    column, right = _place(a * x + b * y + left, side)
    row, below = _place(c * x + d * y + top, side)
    framed[HERE] = _or_black(pixels, X, Y, side)
    upper, lower = (
        framed[column, row + down, IMAGE] * (256 - right) + framed[column + 1, row + down, IMAGE] * right
        for down in (0, 1)
    )
    out[HERE] = _shifted(upper * (256 - below) + lower * below, 16)
    return [turns, lines, framed, out]


def _place(sixteenths: hl.Expr, side: hl.Param) -> tuple[hl.Expr, hl.Expr]:
    """Give a pixel's number, at most `BORDER` before the image and one behind it, and 256ths on the way to the next."""
    place = _shifted(sixteenths, BITS - 8)
    pixel = hl.clamp(place >> hl.cast(I64, 8), hl.cast(I64, -BORDER), hl.cast(I64, side))
    return hl.clamp(hl.cast(I32, pixel), -BORDER, side), hl.cast(I32, place & hl.cast(I64, 255))


def _inverse(turns: list[hl.FuncRef], scale: hl.Expr) -> tuple[tuple[hl.Expr, hl.Expr], tuple[hl.Expr, hl.Expr]]:
    """Give the matrix from output to input, of sines and cosines of both shears, rotation, and rotation less shear."""
    (sine_x, cosine_x), (_, cosine_y), (sine, cosine), (sine_turn, cosine_turn) = ((t[0], t[1]) for t in turns)
    tangent = sine_x / cosine_x
    a = cosine_turn / cosine_y
    b = -(cosine_turn * tangent) / cosine_y - sine
    c = sine_turn / cosine_y
    d = -(sine_turn * tangent) / cosine_y + cosine
    return (d / scale, -b / scale), (-c / scale, a / scale)


def _blur(pixels: hl.Func, side: hl.Param, drawn: Drawn, noise: Words) -> list[hl.Func]:
    weights, across, out = hl.Func("weights"), hl.Func("across"), hl.Func("blur")
    strength = hl.cast(I32, _fixed(drawn["blur"] * drawn["blur"] / hl.f64(2.0), 8))
    weights[IMAGE] = hl.min(strength, 128)
    weight = weights[IMAGE]

    def mixed(func: hl.Func, right: int, below: int) -> hl.Expr:
        sides = _or_black(func, X - right, Y - below, side) + _or_black(func, X + right, Y + below, side)
        return _shifted(func[HERE] * (256 - 2 * weight) + sides * weight, 8)

    across[HERE] = mixed(pixels, 1, 0)
    out[HERE] = mixed(across, 0, 1)
    return [weights, across, out]


def _brightness(pixels: hl.Func, side: hl.Param, drawn: Drawn, noise: Words) -> list[hl.Func]:
    factor, out = hl.Func("factor"), hl.Func("brightness")
    factor[IMAGE] = _fixed(drawn["brightness"], 12)
    out[HERE] = _clamped(_shifted(hl.cast(I64, pixels[HERE]) * factor[IMAGE], 12))
    return [factor, out]


def _contrast(pixels: hl.Func, side: hl.Param, drawn: Drawn, noise: Words) -> list[hl.Func]:
    factor, total, average, out = (hl.Func(name) for name in ("factor", "total", "average", "contrast"))
    place, count = hl.RDom([(0, side), (0, side)], "place"), side * side
    factor[IMAGE] = _fixed(drawn["contrast"], 12)
    total[IMAGE] = hl.cast(I64, 0)
    total[IMAGE] += hl.cast(I64, pixels[place.x, place.y, IMAGE])
    average[IMAGE] = (2 * total[IMAGE] + hl.cast(I64, count)) / hl.cast(I64, 2 * count)
    other = average[IMAGE] * (hl.cast(I64, 4096) - factor[IMAGE])
    out[HERE] = _clamped(_shifted(hl.cast(I64, pixels[HERE]) * factor[IMAGE] + other, 12))
    return [factor, total, average, out]


def _noise(pixels: hl.Func, side: hl.Param, drawn: Drawn, noise: Words) -> list[hl.Func]:
    strength, out = hl.Func("strength"), hl.Func("noise")
    strength[IMAGE] = (_fixed(drawn["noise"] * hl.f64(WHITE / SD), 8), *noise)
    factor, first, second = (strength[IMAGE][number] for number in range(3))
    word = words((first, second), hl.cast(U32, Y * side + X))
    total = sum((hl.cast(I64, word >> shift & 255) for shift in (8, 16, 24)), hl.cast(I64, word & 255))
    added = _shifted((total - hl.cast(I64, 510)) * factor, 8)
    out[HERE] = _clamped(hl.cast(I64, pixels[HERE]) + added)
    return [strength, out]


KERNELS = {"affine": _affine, "blur": _blur, "brightness": _brightness, "contrast": _contrast, "noise": _noise}


def _or_black(pixels: hl.Func, x: hl.Expr, y: hl.Expr, side: hl.Param) -> hl.Expr:
    """Give a pixel, or black outside the image."""
    inside = (x >= 0) & (x < side) & (y >= 0) & (y < side)
    return hl.select(inside, pixels[hl.clamp(x, 0, side - 1), hl.clamp(y, 0, side - 1), IMAGE], 0)


def _fixed(number: hl.Expr, bits: int) -> hl.Expr:
    """Round a float64 to multiples of 2^-bits: int64."""
    return hl.cast(I64, hl.round(hl.strict_float(number) * hl.f64(2.0**bits)))


def _shifted(sums: hl.Expr, bits: int) -> hl.Expr:
    """Divide integers by 2^bits and round to the nearest, halves up."""
    return (sums + hl.cast(sums.type(), 1 << (bits - 1))) >> hl.cast(sums.type(), bits)


def _clamped(pixels: hl.Expr) -> hl.Expr:
    """Cut off what is darker than black or brighter than white: int32."""
    return hl.cast(I32, hl.clamp(pixels, hl.cast(I64, 0), hl.cast(I64, WHITE)))
