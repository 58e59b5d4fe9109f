"""The arithmetic of integers, version 1: docs/arithmetic.md as running code.

It gives the same bits on every processor and GPU, with any number of threads. Every sum is one of integers below 2^53,
held in float64, so its order does not matter. All else is one basic operation of IEEE 754 after another.
"""

VERSION = 1  # another version gives other bits: train again
