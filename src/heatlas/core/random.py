"""One source of chance: counter-based streams keyed by study seed, step name and item index."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, step: str, *, index: int = 0) -> np.random.Generator:
    """Return the generator that belongs to one item of one step.

    Parameters
    ----------
    seed : int
        Seed of the study.
    step : str
        Name of the step that draws.
    index : int
        Item within the step, such as a block of permutations.

    Returns
    -------
    numpy.random.Generator
        Philox stream; the same three keys give the same numbers in any process and order, and
        different keys give independent streams.

    References
    ----------
    Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3.
    doi:10.1145/2063384.2063405
    """
    key = hashlib.sha256(f"{seed}\x1f{step}\x1f{index}".encode()).digest()[:16]
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
