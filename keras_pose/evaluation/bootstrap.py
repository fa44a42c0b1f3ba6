"""How far a score may be from what more data of its kind would give."""

import numpy as np

LEVEL = 0.95
_BLOCK = 2**24  # counts drawn at once


def intervals(sums, weights, num_draws, seed=0):
    """Percentile intervals of weighted means, by drawing whole clips anew.

    Frames of a clip show nearly the same and are wrong alike; clips are not.
    An interval of single frames would be far too narrow.

    Args:
        sums: (M, C) sum of weight times term, of M metrics in C clips.
        weights: (M, C) sum of weights.
        num_draws: Sets of C clips drawn with replacement.
        seed: Of the draws.

    Returns:
        (M, 2) bounds that hold `LEVEL` of the means; NaN where fewer than two
        clips count.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap, chapter 13;
    Cameron et al., "Bootstrap-Based Improvements for Inference with Clustered
    Errors", 2008.
    """
    sums, weights = np.asarray(sums, float), np.asarray(weights, float)
    num_clips = sums.shape[1]
    bounds = np.full((len(sums), 2), np.nan)
    rng = np.random.default_rng(seed)
    size = max(1, _BLOCK // max(num_clips, 1))
    drawn = []
    for start in range(0, num_draws, size):
        count = min(size, num_draws - start)
        times = rng.multinomial(num_clips, [1 / num_clips] * num_clips, count)
        total = times @ weights.T
        drawn.append(times @ sums.T / np.where(total > 0, total, np.nan))
    if not drawn:
        return bounds
    means = np.concatenate(drawn)  # (num_draws, M)
    tail = (1 - LEVEL) / 2
    for metric, column in enumerate(means.T):
        column = column[np.isfinite(column)]
        if len(column) and np.count_nonzero(weights[metric]) > 1:
            bounds[metric] = np.quantile(column, [tail, 1 - tail])
    return bounds
