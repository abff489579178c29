"""One-dimensional isolation forests in closed form: no trees are grown, and nothing is random.

An isolation tree over one feature cuts the range of its sample at a uniformly random place, again and again. Of all
gaps between neighbouring values in an interval, one is therefore cut first with a probability of its share of the
interval. So the gap that ends at x_k, above x, is cut before everything between x and itself with probability
(x_k - x_{k-1}) / (x_k - x), and then lies on the path of x. The sum of this over the gaps on both sides is the
expected path length of x: the limit of infinitely many trees (Liu, Ting and Zhou, "Isolation Forest", ICDM 2008).

Sub-sampling is averaged exactly as well: a tree's sample holds every training value with probability q, so the mean
position of the neighbour x_{k-1} follows from a recursion. A value beyond the sample is cut off at the root with a
probability that grows with its distance (as in Guha et al., "Robust Random Cut Forest", ICML 2016, section 2): the
path beyond the root falls as 1 / distance, and its logarithm never saturates.
"""

from dataclasses import dataclass

import numpy as np

from sidecar.detection.arrays import Bools, Floats, Ints

OUTER: Floats = np.exp2(np.arange(-5, 7, dtype=np.float64))
"""Distances beyond both ends of the sample, in ranges of it, at which the path length is tabulated."""

TIE = 1e-9
"""Values closer than this share of the sample's range are one value."""

SHORTEST = 1e-12
"""The least path length beyond the root, in cuts: the logarithm of a shorter one is not taken."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Training values, sorted and thinned to groups; arrays of shape (B, K) but for `centre` and `scale`, (B,).

    Attributes:
        at: ascending positions of the groups, (value - centre) / scale.
        weight: how many training values a group stands for, 0 for a group too many.
        centre: the middle value.
        scale: the range of the values.
    """

    at: Floats
    weight: Floats
    centre: Floats
    scale: Floats


def thin(values: Floats, groups: int, smallest: Floats) -> Sample:
    """Sort each row of `values` (B, N; NaN: absent) into groups, single values at both ends, as wide as needed inside.

    A range below `smallest` (B,) is taken for noise of the arithmetic.
    """
    ordered = np.sort(values, axis=1)
    count = np.count_nonzero(~np.isnan(ordered), axis=1)
    last = np.maximum(count - 1, 0)[:, None]
    low, high = np.nan_to_num(ordered[:, :1]), np.nan_to_num(np.take_along_axis(ordered, last, axis=1))
    centre = np.nan_to_num(np.take_along_axis(ordered, last // 2, axis=1))
    scale = np.maximum(high - low, smallest[:, None])
    z = (np.where(np.isnan(ordered), high, ordered) - centre) / scale
    edges = group_edges(count, groups)
    weight = np.diff(edges, axis=1)
    sums = np.concatenate([np.zeros((len(z), 1)), np.cumsum(z, axis=1)], axis=1)
    mean = np.diff(np.take_along_axis(sums, edges, axis=1), axis=1) / np.maximum(weight, 1)
    first = np.take_along_axis(z, np.minimum(edges[:, :-1], z.shape[1] - 1), axis=1)
    final = np.take_along_axis(z, np.maximum(edges[:, 1:] - 1, 0), axis=1)
    at = np.maximum.accumulate(np.where(final - first > TIE, mean, first), axis=1)
    return Sample(at, weight.astype(np.float64), centre[:, 0], scale[:, 0])


def group_edges(count: Ints, groups: int) -> Ints:
    """Ranks (B, groups + 1) at which groups of `count` (B,) sorted values begin, a quarter of them single per end."""
    single = groups // 4
    k, n = np.arange(groups + 1), count[:, None]
    inner = single + np.rint((k - single) * (n - 2 * single) / (groups - 2 * single))
    edges = np.where(k <= single, k, np.where(k >= groups - single, n - groups + k, inner))
    return np.asarray(np.where(n < groups, np.minimum(k, n), edges), dtype=np.intp)


def cuts_above(sample: Floats, log_miss: Floats, at: Floats, first: Ints) -> Floats:
    """Expected cuts on the path of `at` (B, Q) by the gaps that end at the groups `first` (Q,) and above.

    `log_miss` (B, K) is the logarithm of the probability that a tree's sample holds nothing of a group.
    """
    hit = -np.expm1(log_miss)
    missed = np.exp(np.concatenate([np.zeros((len(sample), 1)), np.cumsum(log_miss, axis=1)], axis=1))
    below = np.zeros_like(missed)  # mean position of the nearest sampled value below a group, as far as there is one
    for k in range(sample.shape[1]):
        below[:, k + 1] = (1 - hit[:, k]) * below[:, k] + hit[:, k] * sample[:, k]
    # A gap begins at the nearest sampled value below its end or, if all between were missed, at `at` itself.
    length, alone = sample - below[:, :-1], (below[:, first] - at) / missed[:, first]
    found = np.empty_like(at)
    for query, k in enumerate(first.tolist()):  # one by one: only the groups above, which fit the cache
        distance = sample[:, k:] - at[:, query, None]
        distance[distance <= TIE] = np.inf
        share = (length[:, k:] + alone[:, query, None] * missed[:, k:-1]) / distance
        found[:, query] = (hit[:, k:] * np.clip(share, 0.0, 1.0)).sum(axis=1)
    return found


def cuts(sample: Floats, log_miss: Floats, at: Floats, below: Ints, above: Ints) -> Floats:
    """Expected path lengths (B, Q) of `at`: groups before `below` (Q,) lie beneath it, from `above` (Q,) on over it."""
    upward = cuts_above(sample, log_miss, at, above)
    downward = cuts_above(-sample[:, ::-1], log_miss[:, ::-1], -at, sample.shape[1] - below)
    return upward + downward


def isolation(sample: Sample, share: float, least: int, most: int) -> tuple[Floats, Floats]:
    """How isolated each group is among the *others*, and what lies beyond the ends: (B, K) and (B, 2, len(OUTER)).

    Minus the binary logarithm of the expected path beyond the root, for sub-samples of a `share` of the values, but
    between `least` and `most`. Values in one group, or equal, lengthen their path as a tree of their own would.
    """
    n = np.maximum(sample.weight.sum(axis=1, keepdims=True), 1)
    q = np.minimum(np.clip(share * n, least, most) / n, 0.999)
    log_miss = sample.weight * np.log1p(-q)
    k = sample.at.shape[1]
    each, none, all_ = np.arange(k), np.zeros(len(OUTER), dtype=np.intp), np.full(len(OUTER), k)
    path = cuts(sample.at, log_miss, sample.at, each, each + 1)
    same = np.abs(sample.at[:, :, None] - sample.at[:, None, :]) <= TIE
    fellows = (same * sample.weight[:, None, :]).sum(axis=2) - 1
    # For the c(n) = 2H(n-1) - 2(n-1)/n of Liu et al., eq. 1, stands its leading term, 2 ln n, with n = 1 + q * fellows.
    path = path + 2 * np.log1p(q * np.maximum(fellows, 0))
    any_ = 1 - np.exp(log_miss.sum(axis=1, keepdims=True))
    inside = depth_score(longest_of_equals(path, same) - any_)
    under = depth_score(cuts(sample.at, log_miss, sample.at[:, :1] - OUTER, none, none) - any_)
    over = depth_score(cuts(sample.at, log_miss, sample.at[:, -1:] + OUTER, all_, all_) - any_)
    outside = np.stack([np.maximum(under, inside[:, :1]), np.maximum(over, inside[:, -1:])], axis=1)
    return inside, outside


def longest_of_equals(path: Floats, same: Bools) -> Floats:
    """Give equal values (same: (B, K, K)) the longest of their path lengths."""
    return np.asarray(np.where(same, path[:, None, :], -np.inf).max(axis=2))


def depth_score(path: Floats) -> Floats:
    """Minus the binary logarithm of a path length."""
    return np.asarray(-np.log2(np.maximum(path, SHORTEST)))
