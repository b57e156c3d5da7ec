"""Duplicates: exact ones by the decoded pixels, near ones by a perceptual hash within a stated distance."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upprint.audit.traces import dct_matrix

DISTANCE = 4
"""Bits of 64 in which two perceptual hashes may differ for their pictures to count as near duplicates."""
_SIDE, _FLAT = 32, 4.0
_BITS = np.array([number.bit_count() for number in range(256)], np.uint8)


def pixel_hash(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 of size and pixels (H, W, 3): equal for equal pictures, whatever container holds them."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def perceptual_hash(pixels: NDArray[np.uint8]) -> str | None:
    """64 bits as 16 hexadecimal digits: the signs of the 8 x 8 lowest DCT coefficients of a 32 x 32 luma
    thumbnail against their median, the mean left out (the usual "pHash").

    Args:
        pixels: uint8 RGB (H, W, 3).

    Returns:
        None for a picture too flat to be told from others.
    """
    small = Image.fromarray(pixels).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    values = np.asarray(small, np.float32)
    if values.std() < _FLAT:
        return None
    basis = dct_matrix(_SIDE)[1:9]
    low = basis @ values @ basis.T
    bits = (low > np.median(low)).reshape(-1)
    return np.packbits(bits).tobytes().hex()


def distance(one: str, other: str) -> int:
    """Bits in which two hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def near_clusters(hashes: Mapping[str, str], most: int = DISTANCE) -> list[list[str]]:
    """Names linked by hashes that differ in at most `most` bits, directly or through others.

    Two such hashes agree in at least one of `most` + 1 bands of bits, so that only those that share a band
    are compared.

    Args:
        hashes: name -> perceptual hash.
        most: 0..63.

    Returns:
        Clusters of two names or more, each sorted, in the order of their first names.
    """
    by_value: dict[int, list[str]] = defaultdict(list)
    for name in sorted(hashes):
        by_value[int(hashes[name], 16)].append(name)
    values = list(by_value)
    home = list(range(len(values)))

    def root(index: int) -> int:
        while home[index] != index:
            home[index] = home[home[index]]
            index = home[index]
        return index

    for one, other in _close(values, most) if most else ():
        home[max(root(one), root(other))] = min(root(one), root(other))
    clusters: dict[int, list[str]] = defaultdict(list)
    for index, value in enumerate(values):
        clusters[root(index)] += by_value[value]
    return sorted(sorted(names) for names in clusters.values() if len(names) > 1)


def _close(values: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Indices of values that differ in at most `most` bits; a pair may come several times."""
    everything = np.array(values, np.uint64)
    edges = np.linspace(0, 64, most + 2).astype(int)
    for low, high in pairwise(edges.tolist()):
        crowds: dict[int, list[int]] = defaultdict(list)
        for index, value in enumerate(values):
            crowds[(value >> low) & ((1 << (high - low)) - 1)].append(index)
        for crowd in crowds.values():
            members = everything[crowd]
            for place, index in enumerate(crowd[:-1]):
                differing = (members[place + 1 :] ^ members[place]).view(np.uint8).reshape(-1, 8)
                near = np.flatnonzero(_BITS[differing].sum(axis=1) <= most)
                yield from ((index, crowd[place + 1 + int(other)]) for other in near)
