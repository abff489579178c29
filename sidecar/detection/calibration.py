"""From isolation to rarity: how unusual a value is, as -log10 of the share of ordinary values that are as isolated.

Above a high quantile the shares come from an exponential tail, fitted to the excesses (Pickands' theorem with shape 0,
the peaks-over-threshold way of Siffert et al., "Anomaly Detection in Streams with Extreme Value Theory", KDD 2017).
Its scale is the median excess over log 2, which anomalies in the sample hardly move.
"""

from dataclasses import dataclass

import numpy as np

from sidecar.detection.arrays import Floats

LEAST_SCALE = 0.05
"""The least scale of a tail, in isolation, which is a binary logarithm: it bounds how fast rarity grows."""
LOG10_E, LOG10_2 = float(np.log10(np.e)), float(np.log10(2))


@dataclass(frozen=True, slots=True)
class Tail:
    """Rarity as a function of isolation, per row; shapes (B, K) and (B,).

    Attributes:
        isolation: ascending.
        rarity: of each, -log10 of a share.
        start: isolation at which the fitted tail takes over.
        base: rarity there.
        slope: growth of rarity with isolation beyond.
    """

    isolation: Floats
    rarity: Floats
    start: Floats
    base: Floats
    slope: Floats


def fit_tail(isolation: Floats, weight: Floats, share: float, least: int) -> Tail:
    """The tail of `isolation` (B, K), each of which stands for `weight` (B, K) values.

    It is fitted to the top `share`, and to `least` values at least.
    """
    order = np.argsort(isolation, axis=1, kind="stable")
    ordered, w = np.take_along_axis(isolation, order, axis=1), np.take_along_axis(weight, order, axis=1)
    total = np.maximum(w.sum(axis=1, keepdims=True), 1)
    above = np.maximum((total - np.cumsum(w, axis=1) + w / 2) / total, 0.5 / total)
    tied = np.diff(ordered, axis=1, prepend=-np.inf) == 0
    above = np.minimum.accumulate(np.where(tied, np.inf, above), axis=1)
    below = np.count_nonzero(above > np.maximum(share, least / total), axis=1)
    start = np.minimum(below, ordered.shape[1] - 2)[:, None]
    threshold, rare = np.take_along_axis(ordered, start, axis=1), -np.log10(above)
    base = np.take_along_axis(rare, start, axis=1)
    scale = half_life(ordered - threshold, rare - base - LOG10_2) / np.log(2)
    slope = LOG10_E / np.maximum(scale, LEAST_SCALE)
    return Tail(ordered, rare, threshold[:, 0], base[:, 0], slope)


def half_life(excess: Floats, rarer: Floats) -> Floats:
    """The excess (B,) that half of the tail comes past: where `rarer` (B, K), ascending as the `excess`, passes 0.

    Between two values it is interpolated: of counts, a single one may be most of the tail. 0 where all are equal.
    """
    k = np.argmax(rarer >= 0, axis=1)[:, None]
    x0, x1 = (np.take_along_axis(excess, np.maximum(k - i, 0), axis=1)[:, 0] for i in (1, 0))
    y0, y1 = (np.take_along_axis(rarer, np.maximum(k - i, 0), axis=1)[:, 0] for i in (1, 0))
    between = np.where(y1 > y0, y0 / np.where(y1 > y0, y0 - y1, 1.0), 1.0)
    return np.where(y1 >= 0, np.maximum(x0 + between * (x1 - x0), 0.0), 0.0)


def rarity(tail: Tail, isolation: Floats) -> Floats:
    """-log10 of the share of values that are as isolated as `isolation` (B, Q)."""
    beyond = tail.base[:, None] + tail.slope[:, None] * (isolation - tail.start[:, None])
    below = np.stack([np.interp(x, xs, ys) for x, xs, ys in zip(isolation, tail.isolation, tail.rarity, strict=True)])
    return np.where(isolation > tail.start[:, None], beyond, np.minimum(below, tail.base[:, None]))
