"""Streams of random numbers: each its own, the same on every machine."""

from itertools import product

from mnist_study.core.randomness import stream


def test_a_stream_is_what_it_always_was():
    assert stream("data", 0, 1) == 344_363_278_436_564_594
    assert 0 <= stream("weights", 3) < 2**63


def test_no_two_streams_of_a_study_begin_alike():
    """Not in the low 32 bits either, which are all that torch's generator on the processor reads."""
    epochs = [("weights", seed, 0) for seed in range(100)]
    epochs += product(("data", "dropout"), range(100), range(1, 21))
    assert len({stream(*epoch) % 2**32 for epoch in epochs}) == len(epochs)
