"""Every stream of random numbers has a seed of its own, by what it is for, the replica's seed and the epoch."""

import hashlib


def stream(purpose: str, seed: int, epoch: int = 0) -> int:
    """Give a 63-bit number to seed a generator with.

    The purposes are "weights" (the initial ones, epoch 0), "data" (order and augmentation) and "dropout". No two
    streams begin alike, unlike those of sums such as seed + epoch.
    """
    digest = hashlib.sha256(f"{purpose} {seed} {epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
