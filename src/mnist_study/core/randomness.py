"""A seed for each stream of random numbers, from its purpose, the network's seed and the epoch."""

import hashlib


def stream(purpose: str, seed: int, epoch: int = 0) -> int:
    """Give a 63-bit number to seed a generator with.

    The purposes are "weights" (the initial ones, epoch 0), "data" (order and augmentation) and "dropout". Hashing
    keeps streams apart; sums such as seed + epoch would collide.
    """
    digest = hashlib.sha256(f"{purpose} {seed} {epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
