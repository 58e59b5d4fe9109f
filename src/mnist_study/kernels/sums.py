"""The sums over an image's channel that a batch norm needs, forward and backward."""

import halide as hl

from mnist_study.kernels.kernel import BLOCK, CHANNEL, LANE, LANES, ROW, halves, quarter

KIND = hl.Var("kind")  # of sum


class Sums:
    """Sums over the integers of one plane, and over the products of its quarters with another's.

    Each row is added up alone, since an addition waits for the one before it. A row's products stay below 2^31; over
    the rows their low and high 16 bits are added apart. `parts` has the three sums, `fields` each in halves, as planes
    keep them.
    """

    def __init__(self, first: hl.Func, second: hl.Func | hl.ImageParam, side: hl.Expr) -> None:
        self.of_row, self.whole = hl.Func("of_row"), hl.Func("whole")
        rows, row, channel = hl.RDom([(0, side)], "rows").x, [LANE, KIND, ROW, CHANNEL, BLOCK], [LANE, CHANNEL, BLOCK]
        self.along = hl.RDom([(0, 2), (0, (side + 1) // 2)], "along")
        at = [self.along.x, LANE, self.along.y, ROW, CHANNEL, BLOCK]
        one = hl.select(KIND == 0, first[at], quarter(first[at]))
        other = hl.select(KIND == 0, hl.i16(1), quarter(second[at]))
        self.of_row[row] = hl.i32(0)
        self.of_row[row] += hl.i32(one) * hl.i32(other)
        number, product = (self.of_row[LANE, kind, rows, CHANNEL, BLOCK] for kind in (0, 1))
        self.whole[channel] = (hl.i32(0), hl.i32(0), hl.i32(0))
        added = number, product & 0xFFFF, product >> 16
        self.parts = [self.whole[channel][index] for index in range(3)]
        self.whole[channel] = tuple(old + new for old, new in zip(self.parts, added, strict=True))
        self.fields = [half for part in self.parts for half in halves(part)]

    def compute_at(self, out: hl.Func, channel: hl.Var) -> None:
        """Compute the sums for each channel of the result."""
        for func in (self.of_row, self.whole):
            func.compute_at(out, channel).vectorize(LANE, LANES)
        self.whole.update().vectorize(LANE, LANES)
        self.of_row.bound_extent(KIND, 2).unroll(KIND)
        ordered = self.of_row.update().reorder(self.along.x, LANE, KIND, self.along.y, ROW)
        ordered.atomic().vectorize(self.along.x).vectorize(LANE, LANES).unroll(KIND)
