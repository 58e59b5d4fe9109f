"""Random numbers by a counter: each is a hash of a key and of its place, so no generator has a state.

The hash is Wellons's `lowbias32` (https://nullprogram.com/blog/2018/07/31/) with a second word of key in its middle.
"""

import hashlib

import torch
from torch import Tensor

WORD = 0xFFFFFFFF
Key = tuple[Tensor, Tensor]


def key(*purpose: str | int) -> Key:
    """Give the two words of a stream's key: the first 8 bytes, big end first, of SHA-256 of `purpose` by spaces."""
    digest = hashlib.sha256(" ".join(map(str, purpose)).encode()).digest()
    return torch.tensor(int.from_bytes(digest[:4], "big")), torch.tensor(int.from_bytes(digest[4:8], "big"))


def words(key: Key, places: Tensor) -> Tensor:
    """Give 32 random bits, as int64, for each place, an int64 from 0 to 2^32 - 1; keys may be tensors."""
    first, second = (part.to(places.device) for part in key)
    x = (places * 0x9E3779B1 + first) & WORD
    x = x ^ (x >> 16)
    x = (x * 0x7FEB352D) & WORD
    x = x ^ (x >> 15) ^ second
    x = (x * 0x846CA68B) & WORD
    return x ^ (x >> 16)


def keys(stream: Key, numbers: Tensor) -> Key:
    """Give a key for each number, for streams within a stream."""
    return words(stream, 2 * numbers), words(stream, 2 * numbers + 1)


def order(count: int, stream: Key) -> Tensor:
    """Shuffle 0 to count - 1: sorted by their words; of equal words the lower number comes first."""
    return torch.argsort(words(stream, torch.arange(count)), stable=True)


def uniform(stream: Key, places: Tensor) -> Tensor:
    """Give float64 from 0 to below 1, multiples of 2^-32."""
    return words(stream, places).double() * 2.0**-32
