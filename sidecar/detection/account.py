"""An explanation in the terms people ask in: what changed, what carries the score, how rare it is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sidecar.detection.arrays import Floats
from sidecar.detection.combination import USUAL_RARITY
from sidecar.detection.detector import score_of
from sidecar.detection.features import names
from sidecar.detection.models import Models, Scores
from sidecar.detection.settings import Settings

ASPECTS = {
    "level": ("value", "mean", "jump", "relative_jump", "surprise"),
    "time of day": ("residual", "nearest", "outside"),
    "trend": ("drift", "innovation", "long_residual"),
    "spread": ("spread", "nearest_spread", "restlessness", "roughness"),
}
"""What of a series the features look at: where it is, what it is at that time, where it is going, how it varies."""

NAMED = 2.0
"""Rarity from which on a feature is named: as rare as one in a hundred."""

RAREST = 6.0
"""Decimal logarithm of the most steps an event is said to be one in: beyond, a tail only tells how far off it is."""


@dataclass(frozen=True, slots=True)
class Account:
    """Why one series scores what it scores at its newest step.

    Attributes:
        score: the score.
        without: the score that would be left if a feature were as usual, by its name, the lowest first.
        changed: which of `ASPECTS` changed, the rarest change first.
        rarest: the feature that is rarest.
        one_in: it is as rare as one in so many steps of the series' past, a million at most.
    """

    score: float
    without: tuple[tuple[str, float], ...]
    changed: tuple[str, ...]
    rarest: str
    one_in: float


def accounts(models: Models, scores: Scores, settings: Settings) -> list[Account | None]:
    """Why the newest column of `scores` is as it is, a model and an account per row; None where it has no score."""
    without, rarity = scores_without(models, scores, settings), scores.rarity[:, :, -1]
    return [
        None if np.isnan(score) else _account(score, named(without[row], settings), named(rarity[row], settings))
        for row, score in enumerate(scores.score[:, -1].tolist())
    ]


def scores_without(models: Models, scores: Scores, settings: Settings) -> Floats:
    """The newest scores (S, F) if one feature were as usual, in the order of `features.names`; NaN without a score."""
    rarity = scores.rarity[:, :, -1:]
    without = [
        score_of(models, no_rarer(rarity, feature, USUAL_RARITY), settings)[:, 0] for feature in range(rarity.shape[1])
    ]
    return np.where(np.isnan(scores.score[:, -1:]), np.nan, np.stack(without, axis=1))


def no_rarer(rarity: Floats, feature: int, usual: float) -> Floats:
    """The rarities (S, F, n) with one feature no rarer than usual."""
    changed = rarity.copy()
    changed[:, feature] = np.minimum(changed[:, feature], usual)
    return changed


def named(found: Floats, settings: Settings) -> dict[str, float]:
    """Something of each feature (F,), by its name."""
    return dict(zip(names(settings), found.tolist(), strict=True))


def _account(score: float, without: Mapping[str, float], rarities: Mapping[str, float]) -> Account:
    rarest = max(rarities, key=rarities.__getitem__)
    left = sorted(without.items(), key=lambda each: each[1])
    return Account(score, tuple(left), changes(rarities), rarest, 10.0 ** min(rarities[rarest], RAREST))


def changes(rarities: Mapping[str, float]) -> tuple[str, ...]:
    """Which of `ASPECTS` changed, given the rarity of each feature; the rarest change first."""
    most = {aspect: max(rarities.get(name, 0.0) for name in looks) for aspect, looks in ASPECTS.items()}
    if rarities["value"] >= NAMED:
        del most["time of day"]  # it would be odd at any time
    odd = [aspect for aspect, rarity in most.items() if rarity >= NAMED]
    return tuple(sorted(odd, key=most.__getitem__, reverse=True))
