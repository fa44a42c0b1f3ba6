"""Random numbers that depend on nothing but what they are for."""

import zlib

import numpy as np


def generator(seed, index, what):
    """The random numbers for one use in one image.

    Args:
        seed: Of the data set.
        index: Of the image.
        what: Name of the use; a change in how many numbers one use draws
            leaves the others alone.

    Returns:
        A np.random.Generator, the same for the same arguments.
    """
    key = [seed, index, zlib.crc32(what.encode())]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def between(rng, low_high):
    """A float drawn uniformly from (low, high)."""
    return float(rng.uniform(*low_high))


def chance(rng, probability):
    """True with the given probability."""
    return bool(rng.random() < probability)


def pick(rng, options):
    """One of a sequence, or one of a dict's keys by its weights."""
    if isinstance(options, dict):
        names = list(options)
        weights = np.array([options[name] for name in names], float)
        return names[rng.choice(len(names), p=weights / weights.sum())]
    return options[rng.integers(len(options))]
