"""The pointwise layers after a convolution or a pooling, computed wherever their result is read.

A chain is ReLU, batch norm, ReLU, dropout, in this order, each there or not. It is never stored: the kernel that needs
its result computes it again from what the convolution wrote, which costs less than reading it from memory. Each channel
has its own row of coefficients, and a layer that is not there has coefficients that change nothing:

    x = max(u, floor)     v = scale * x + shift     z = max(v, last_floor), or 0 where dropout strikes
"""

from dataclasses import dataclass, field

import halide as hl
import numpy as np

from mnist_study.train.engines.fast.kernel import F32, U32, widened

NO_FLOOR = float(np.finfo(np.float32).min)
FLOOR, SCALE, SHIFT, LAST_FLOOR, FROM_GRADIENT, FROM_VALUE, CONSTANT = range(7)  # columns of the coefficients
SEED, KEPT_FROM, FACTOR = range(3)  # of the dropout's three numbers
NEUTRAL = (NO_FLOOR, 1.0, 0.0, NO_FLOOR, 1.0, 0.0, 0.0)


class Settings:
    """The coefficients of one chain: rows [channels, 7] and the dropout's numbers, as kernels read them."""

    def __init__(self, channels: int, rate: float = 0.0) -> None:
        self.rate = rate
        self.rows = np.tile(np.array(NEUTRAL, np.float32), (channels, 1))
        self.dropout = np.zeros(3, np.uint32)
        self.keep_all()
        self.buffers = hl.Buffer(self.rows), hl.Buffer(self.dropout)

    @property
    def drops(self) -> bool:
        """Tell whether there is a dropout."""
        return self.rate > 0

    def draw(self, seeds: np.random.Generator) -> None:
        """Seed a step's dropout: each pixel whose hash reaches a share of all 32-bit numbers is kept, and enlarged."""
        if self.drops:
            self._set(int(seeds.integers(2**32)), self.rate)

    def keep_all(self) -> None:
        """Switch dropout off, as in evaluation."""
        self._set(0, 0.0)

    def _set(self, seed: int, rate: float) -> None:
        self.dropout[[SEED, KEPT_FROM]] = seed, round(rate * 2**32)
        self.dropout.view(np.float32)[FACTOR] = 1 / (1 - rate)


@dataclass(frozen=True)
class Chain:
    """A chain inside a kernel: its parameters, and the expressions of its forward and backward direction."""

    with_dropout: bool
    rows: hl.ImageParam = field(default_factory=lambda: hl.ImageParam(F32, 2, "chain"))
    dropout: hl.ImageParam = field(default_factory=lambda: hl.ImageParam(U32, 1, "dropout"))

    def first(self, u: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give x, what batch norm sees."""
        return hl.max(widened(u), self.rows[FLOOR, channel])

    def normed(self, u: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give v, what batch norm gives."""
        return self.first(u, channel) * self.rows[SCALE, channel] + self.rows[SHIFT, channel]

    def forward(self, planes: hl.ImageParam, at: list[hl.Expr]) -> hl.Expr:
        """Give z at the place [lane, column, row, channel, block] of the planes."""
        channel = at[3]
        z = hl.max(self.normed(planes[at], channel), self.rows[LAST_FLOOR, channel])
        return z * self.mask(planes, at)

    def before_norm(self, gradient: hl.Expr, planes: hl.ImageParam, at: list[hl.Expr]) -> hl.Expr:
        """Turn the gradient of z into that of v."""
        channel = at[3]
        open_ = self.normed(planes[at], channel) > self.rows[LAST_FLOOR, channel]
        return hl.select(open_, widened(gradient) * self.mask(planes, at), 0.0)

    def backward(self, gradient: hl.Expr, planes: hl.ImageParam, at: list[hl.Expr]) -> hl.Expr:
        """Turn the gradient of z into that of u, given the coefficients that `batch_norm.Norm.backward` found."""
        channel, row = at[3], self.rows
        inner = self.before_norm(gradient, planes, at) * row[FROM_GRADIENT, channel]
        inner += self.first(planes[at], channel) * row[FROM_VALUE, channel] + row[CONSTANT, channel]
        return hl.select(widened(planes[at]) > row[FLOOR, channel], inner, 0.0)

    def mask(self, planes: hl.ImageParam, at: list[hl.Expr]) -> hl.Expr:
        """Give 0 where a pixel is dropped, elsewhere the factor that keeps the mean: a hash of seed and place.

        The hash is Chris Wellons' lowbias32 (https://nullprogram.com/blog/2018/07/31/).
        """
        if not self.with_dropout:
            return hl.f32(1.0)
        place = at[4]
        for dimension in (3, 2, 1, 0):
            place = place * planes.dim(dimension).extent() + at[dimension]
        bits = hl.cast(U32, place) ^ self.dropout[SEED]
        bits = (bits ^ (bits >> 16)) * hl.cast(U32, 0x7FEB352D)
        bits = (bits ^ (bits >> 15)) * hl.cast(U32, 0x846CA68B)
        bits ^= bits >> 16
        return hl.select(bits >= self.dropout[KEPT_FROM], hl.reinterpret(F32, self.dropout[FACTOR]), 0.0)
