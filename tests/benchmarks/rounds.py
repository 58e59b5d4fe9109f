"""A replica's training cut in rounds, so that several replicas are measured while all of them run."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from tests.benchmarks.side_by_side import answer

SECONDS = 1.0


@dataclass(frozen=True)
class Round:
    """What one replica did in a round; `augmenting` is the part of the seconds spent in `augment`."""

    images: int
    seconds: float
    augmenting: float


class Rounds:
    """Ends the warm-up and each round, and waits for the other side of the pipe to begin the next."""

    def __init__(self, pipe: Connection, warm_up: int):
        """Take the first `warm_up` calls of `learnt` as warm-up."""
        self.pipe, self.warm_up = pipe, warm_up
        self.images, self.augmenting, self.begun = 0, 0.0, 0.0

    def learnt(self, images: int) -> None:
        """Take note of some images; raises Stopped where there are no more rounds."""
        self.images += images
        self.warm_up -= 1
        seconds = time.perf_counter() - self.begun
        if self.warm_up == 0 or (self.warm_up < 0 and seconds >= SECONDS):
            answer(self.pipe, Round(self.images, seconds, self.augmenting))
            self.images, self.augmenting, self.begun = 0, 0.0, time.perf_counter()

    def timed(self, augment: Callable) -> Callable:
        """Wrap `augment`, to add up the time that it takes."""

        def call(*arguments: object) -> object:
            begun = time.perf_counter()
            result = augment(*arguments)
            self.augmenting += time.perf_counter() - begun
            return result

        return call
