"""Fits and scores whole matrices: series x columns in, scores out, with one meaning for every series.

A model knows what is expected of a series (expectation.py), and how rare which value of a feature is (tables.py).
Rarities of the features are combined and divided by the bars that the alarm budget sets (combination.py), so that 1.0
is the threshold.
"""

from collections.abc import Iterator

import numpy as np

from sidecar.detection import combination
from sidecar.detection.arrays import Bools, Floats, Ints
from sidecar.detection.columns import TINY, Panel
from sidecar.detection.features import Past, agreed
from sidecar.detection.lesson import FIT_CELLS, blocks, learn, learn_some
from sidecar.detection.models import Models, Scores
from sidecar.detection.settings import Settings
from sidecar.detection.siblings import Siblings, fit_siblings
from sidecar.detection.tables import Lookup
from sidecar.prometheus.coarse import Matrix

SCORE_CELLS = 1 << 10
"""Columns, of all series together, that are scored at once: so they fit the cache."""
SERIES_AT_ONCE = 16
"""Of those with siblings, whose own past is looked at: it bounds the memory, and fits the cache."""


def fit(values: Floats, end: int, settings: Settings, siblings: Siblings | None = None) -> Models:
    """Models of the series `values` (S, W), whose last column lies at `end` (unix seconds).

    Without `siblings` the other series make no difference to any.
    """
    if not len(values):
        return Models.empty(0, settings)
    too_odd = combination.too_odd(settings)
    if siblings is None:
        lessons = (learn(block, end, settings) for block in blocks(values, FIT_CELLS))
        return Models.concatenate([one.models(one.tables(too_odd), settings) for one in lessons])
    columns = siblings.columns
    order = np.argsort(columns, kind="stable")
    kinds = ((int(wanted), columns == wanted) for wanted in np.unique(columns))
    parts = [fit_together(values[rows], end, siblings.take(rows), settings, wanted) for wanted, rows in kinds]
    return Models.concatenate(parts).take(np.argsort(order))


def fit_together(values: Floats, end: int, siblings: Siblings, settings: Settings, columns: int) -> Models:
    """As `fit`, of series that are all learnt from by so many `columns`."""
    lesson = learn_some(values, end, settings, columns)
    tables = fit_siblings(lesson.found, lesson.noise, siblings, settings)
    parts = [slice(i, i + SERIES_AT_ONCE) for i in range(0, len(values), SERIES_AT_ONCE)]
    return Models.concatenate([lesson.take(part).own_models(tables.take(part), settings) for part in parts])


def on_scale(ratio: Floats, median_ratio: Floats) -> Floats:
    """Scores (S, n) of ratios to the threshold: 0.5 at the `median_ratio` (S,), from 1 on the ratios themselves.

    A series that is usually above half its threshold keeps its middle where it is.
    """
    middle = np.clip(median_ratio, TINY, 0.5)[:, None]
    high = 0.5 + 0.5 * (ratio - middle) / (1 - middle)
    return np.where(ratio >= 1, ratio, np.where(ratio < middle, 0.5 * ratio / middle, high))


def answer(models: Models, lookup: Lookup, past: Past, values: Floats, settings: Settings) -> tuple[Floats, Floats]:
    """Scores (S, n), fitted or not, and rarities (S, F, n) of columns with the given values (S, n).

    `lookup` is of the tables of the models.
    """
    found = past.features(values)
    rarity = agreed(lookup.rarities(found), found)
    return score_of(models, rarity, settings), rarity


def score_of(models: Models, rarity: Floats, settings: Settings) -> Floats:
    """The scores (S, n) that rarities (S, F, n) come to."""
    return on_scale(combination.ratio(rarity, models.grounds, settings), models.median_ratio)


def score(models: Models, values: Matrix, end: int, settings: Settings, last: int) -> Scores:
    """Scores of the `last` columns of `values` (S, T), a model per row; `end` is the last one's time.

    Columns need `context_steps` of past in `values`: what lies before counts as missing. Column by column or all at
    once gives the same. Series that have no model, or no sample in these columns, cost nothing.
    """
    found = Scores.blank(len(values), last, settings)
    present = ~np.isnan(values[:, values.shape[1] - last :]).all(axis=1)
    for rows in together(models.fitted & present, max(1, SCORE_CELLS // max(last, 1))):
        found.put(rows, score_block(models.take(rows), values[rows], end, settings, last))
    return found


def together(asked: Bools, most: int) -> Iterator[Ints | slice]:
    """The rows asked for, at most so many at once; as a slice, which copies nothing, where none lie between."""
    every = np.flatnonzero(asked)
    for rows in (every[i : i + most] for i in range(0, len(every), most)):
        yield slice(rows[0], rows[-1] + 1) if rows[-1] - rows[0] < len(rows) else rows


def score_block(models: Models, values: Matrix, end: int, settings: Settings, last: int) -> Scores:
    """As `score`, all series at once."""
    panel = Panel.behind(values, end, settings, last)
    at = np.arange(panel.width - last, panel.width)
    newest, past = panel.read(at), Past.of(models.basis, panel, at)
    result, rarity = answer(models, Lookup.of(models.tables), past, newest, settings)
    scored = ~np.isnan(newest) & models.fitted[:, None]
    return Scores(
        np.where(scored, result, np.nan),
        np.where(scored, past.expected, np.nan),
        np.where(scored[:, None], rarity, 0.0),
    )
