"""Why a column scores what it scores: which features carry it, and how rare it is."""

from dataclasses import dataclass

import numpy as np

from sidecar.detection import combination
from sidecar.detection.arrays import Floats, Ints
from sidecar.detection.detector import score_of
from sidecar.detection.features import names
from sidecar.detection.models import Models, Scores
from sidecar.detection.settings import Settings


@dataclass(frozen=True, slots=True)
class Explanation:
    """What lies behind the newest scores.

    Attributes:
        without: (S, F) the score if a feature were as usual, in the order of `features.names`: the lower, the more
            it carries.
        one_in: (S,) the column is as rare as one in so many steps, by the feature that is rarest.
        unusual: (S,) number of that feature.
    """

    without: Floats
    one_in: Floats
    unusual: Ints


def explain(models: Models, scores: Scores, settings: Settings) -> Explanation:
    """Explain the newest column of `scores`; a model per row."""
    rarity = scores.rarity[:, :, -1:]
    without = [
        score_of(models, put_back(rarity, feature, combination.USUAL_RARITY), settings)[:, 0]
        for feature in range(len(names(settings)))
    ]
    return Explanation(
        np.where(np.isnan(scores.score[:, -1:]), np.nan, np.stack(without, axis=1)),
        10.0 ** rarity[:, :, 0].max(axis=1),
        rarity[:, :, 0].argmax(axis=1),
    )


def put_back(rarity: Floats, feature: int, usual: float) -> Floats:
    """The rarities (S, F, n) with one feature no rarer than usual."""
    changed = rarity.copy()
    changed[:, feature] = np.minimum(changed[:, feature], usual)
    return changed
