"""The sums over an image's channel that a batch norm needs, forward and backward."""

import halide as hl

from mnist_study.kernels.kernel import BLOCK, CHANNEL, I32, LANE, LANES, ROW, halves, quarter


class Sums:
    """Sums over the integers of one plane, and over the products of its quarters with another's.

    A row's products stay below 2^31. Over the rows their low and high 16 bits are added apart. `parts` has the three
    sums, `fields` each in halves, as planes keep them.
    """

    def __init__(self, first: hl.Func, second: hl.Func | hl.ImageParam, side: hl.Expr) -> None:
        self.sum, self.by_row, self.products = hl.Func("sum"), hl.Func("by_row"), hl.Func("products")
        columns, channel, rows = (side + 1) // 2, [LANE, CHANNEL, BLOCK], hl.RDom([(0, side)], "rows")
        self.place, self.along = (
            hl.RDom([(0, 2), (0, columns), (0, side)], "place"),
            hl.RDom([(0, 2), (0, columns)], "along"),
        )
        self.sum[channel] = hl.i32(0)
        number = first[self.place.x, LANE, self.place.y, self.place.z, CHANNEL, BLOCK]
        self.sum[channel] += hl.i32(number) * hl.i32(hl.i16(1))
        at = [self.along.x, LANE, self.along.y, ROW, CHANNEL, BLOCK]
        self.by_row[LANE, ROW, CHANNEL, BLOCK] = hl.i32(0)
        self.by_row[LANE, ROW, CHANNEL, BLOCK] += hl.cast(I32, quarter(first[at])) * hl.cast(I32, quarter(second[at]))
        row = self.by_row[LANE, rows.x, CHANNEL, BLOCK]
        self.products[channel] = (hl.i32(0), hl.i32(0))
        self.products[channel] = (self.products[channel][0] + (row & 0xFFFF), self.products[channel][1] + (row >> 16))
        self.parts = [self.sum[channel], self.products[channel][0], self.products[channel][1]]
        self.fields = [half for part in self.parts for half in halves(part)]

    def compute_at(self, out: hl.Func, channel: hl.Var) -> None:
        """Compute the sums for each channel of the result."""
        for func in (self.sum, self.products, self.by_row):
            func.compute_at(out, channel).vectorize(LANE, LANES)
        self.products.update().vectorize(LANE, LANES)
        for func, domain, last in ((self.sum, self.place, self.place[2]), (self.by_row, self.along, ROW)):
            ordered = func.update().reorder(domain.x, LANE, domain.y, last)
            ordered.atomic().vectorize(domain.x).vectorize(LANE, LANES)
