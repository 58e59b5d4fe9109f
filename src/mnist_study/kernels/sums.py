"""The sums over an image's channel that a batch norm needs, forward and backward."""

import halide as hl

from mnist_study.kernels.kernel import BLOCK, CHANNEL, I32, LANE, LANES, ROW, halves, quarter


class Sums:
    """Sums over the integers of one plane, and over the products of its quarters with another's.

    Each row is added up alone, since an addition waits for the one before it. A row's products stay below 2^31; over
    the rows their low and high 16 bits are added apart. `parts` has the three sums, `fields` each in halves, as planes
    keep them.
    """

    def __init__(self, first: hl.Func, second: hl.Func | hl.ImageParam, side: hl.Expr) -> None:
        self.numbers, self.products, self.whole = hl.Func("numbers"), hl.Func("products"), hl.Func("whole")
        rows, row, channel = hl.RDom([(0, side)], "rows").x, [LANE, ROW, CHANNEL, BLOCK], [LANE, CHANNEL, BLOCK]
        self.along = hl.RDom([(0, 2), (0, (side + 1) // 2)], "along")
        at = [self.along.x, LANE, self.along.y, ROW, CHANNEL, BLOCK]
        self.numbers[row] = hl.i32(0)
        self.numbers[row] += hl.i32(first[at]) * hl.i32(hl.i16(1))
        self.products[row] = hl.i32(0)
        self.products[row] += hl.cast(I32, quarter(first[at])) * hl.cast(I32, quarter(second[at]))
        number, product = (func[LANE, rows, CHANNEL, BLOCK] for func in (self.numbers, self.products))
        self.whole[channel] = (hl.i32(0), hl.i32(0), hl.i32(0))
        added = number, product & 0xFFFF, product >> 16
        self.parts = [self.whole[channel][index] for index in range(3)]
        self.whole[channel] = tuple(old + new for old, new in zip(self.parts, added, strict=True))
        self.fields = [half for part in self.parts for half in halves(part)]

    def compute_at(self, out: hl.Func, channel: hl.Var) -> None:
        """Compute the sums for each channel of the result."""
        for func in (self.numbers, self.products, self.whole):
            func.compute_at(out, channel).vectorize(LANE, LANES)
        self.whole.update().vectorize(LANE, LANES)
        for func in (self.numbers, self.products):
            ordered = func.update().reorder(self.along.x, LANE, self.along.y, ROW)
            ordered.atomic().vectorize(self.along.x).vectorize(LANE, LANES)
