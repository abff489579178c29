"""Other bars tried on the tapes of a corpus: what the detector would have said with them, without fitting anew.

An approximation of a replay in one respect: an alarm is carried on, and not replayed, when a model comes into use.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.past import Past, Singles
from benchmarks.detection.series import Answers, Flags, Floats, Series
from benchmarks.detection.tape import Fit, Halves, Tape
from sidecar.backtest.answer import DEFAULTS, fitted_to, places
from sidecar.backtest.grid import Grid
from sidecar.detection import habit
from sidecar.detection.alarm import ODD, RESIDUAL, Alarms, Heights, Policy, step
from sidecar.detection.arrays import NEVER, Bools, Ints, Times
from sidecar.detection.combination import PARTS, Grounds, budget_decades, decades_tested, nearness
from sidecar.detection.detector import on_scale
from sidecar.detection.rows import Rows
from sidecar.detection.settings import Settings
from sidecar.loop.terms import policy_of

LOW = 0.6
"""Scores below which no alarm of interest begins or goes on."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen.

    Attributes:
        factors: (P,) of each part, by what its bar is multiplied.
        habitual: the share of the decades beyond the budget that raises bars.
        recurrence: whether what comes again and again raises them.
    """

    factors: Floats
    habitual: float = habit.HABITUAL
    recurrence: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """A tape with the answers of the parts; P of them.

    Attributes:
        series, grid, settings: as of the tape.
        bars: (P,) of the parts at that step.
        past: of each fit.
        times: (n,) of the columns.
        fit: (n,) their fits.
        answers: (P, n) how near each part comes.
        odd: (n,) whether a sample is odd in itself.
    """

    series: Series
    grid: Grid
    settings: Settings
    bars: Floats
    past: list[Past]
    times: Times
    fit: Ints
    answers: Singles
    odd: Bools

    @classmethod
    def of(cls, tape: Tape) -> "Asked":
        """The answers of the parts that the product has."""
        settings = tape.settings
        answers = np.full((len(PARTS), len(tape.times)), np.nan, np.float32)
        for number, fit in enumerate(tape.fits):
            mine = tape.fit == number
            answers[:, mine] = by_parts(tape.rarity[:, mine], fit, settings)
        past = [Past.of(by_parts(fit.past, fit, settings), fit.every) for fit in tape.fits]
        odd = tape.rarity[RESIDUAL] >= ODD
        return cls(tape.series, tape.grid, settings, bars_of(settings), past, tape.times, tape.fit, answers, odd)

    def score(self, choice: Choice) -> Floats:
        """The scores (n,) with other bars."""
        own, usual = zip(*(self._own(past, choice) for past in self.past), strict=True)
        ratio = (self.answers * np.array(own, np.float32).T[:, self.fit]).max(axis=0)
        score = on_scale(ratio[None].T.astype(np.float64), np.array(usual)[self.fit])[:, 0]
        return np.where(self.fit < 0, np.nan, score)

    def _own(self, past: Past, choice: Choice) -> tuple[Floats, float]:
        """What answers are multiplied by (P,), and the usual ratio then, after a fit with this past."""
        factors = choice.factors
        share = choice.habitual / habit.HABITUAL
        more = min(share * past.habit(factors, self.settings.alarm_budget), habit.MOST_HABIT) if share else 0.0
        times = past.recurrence(factors) if choice.recurrence else 1.0
        own = self.bars / ((self.bars * factors + more) * times)
        return own, past.usual(own)


@dataclass(frozen=True, slots=True)
class Alarmed(Rows):
    """What alarms did in the columns that were looked at; (S, m) each.

    Attributes:
        times: ascending, unix seconds.
        since: when the alarm that is on began, NEVER where none is.
        active: when it was last at the exit threshold.
        detection: the highest threshold at which an alarm starts.
    """

    times: Times
    since: Times
    active: Times
    detection: Floats


def by_parts(rarity: Halves, fit: Fit, settings: Settings) -> Halves:
    """How near its bar each part comes (P, n), by rarities (F, n)."""
    grounds = Grounds(fit.known[None], np.array([fit.age]), np.zeros(1), np.ones(1))
    asked = [
        nearness(part, rarity[None].astype(np.float64), grounds, settings)[0]
        if settings.bucket > 1 or not part.short
        else np.where(np.isnan(rarity[0]), np.nan, 0.0)
        for part in PARTS.values()
    ]
    return np.asarray(np.minimum(asked, 6e4), dtype=np.float16)


def bars_of(settings: Settings) -> Floats:
    """The bars (P,) of the parts."""
    every = [settings.step * (1 if part.single else settings.bucket) for part in PARTS.values()]
    return np.array(
        [
            part.bar * (1 + part.per_decade * decades_tested(apart)) + budget_decades(settings)
            for part, apart in zip(PARTS.values(), every, strict=True)
        ]
    )


def answers_of(corpus: Sequence[Asked], choice: Choice) -> list[Answers]:
    """The answers to the rows of all series of a corpus."""
    holds = [policy_of(fitted_to(DEFAULTS, asked.settings.step)) for asked in corpus]
    found: dict[int, Answers] = {}
    for policy in dict.fromkeys(holds):
        rows = [row for row, own in enumerate(holds) if own == policy]
        found |= dict(zip(rows, answered([corpus[row] for row in rows], choice, policy), strict=True))
    return [found[row] for row in range(len(corpus))]


def answered(corpus: Sequence[Asked], choice: Choice, policy: Policy) -> list[Answers]:
    """The answers where all have one policy: only columns with a high score are looked at, and one before them all."""
    scores = [asked.score(choice) for asked in corpus]
    high = [np.flatnonzero(np.nan_to_num(score) >= LOW) for score in scores]
    shape = (len(corpus), 1 + max(map(len, high)))
    now, times, odd = np.full(shape, np.nan), np.zeros(shape, np.int64), np.zeros(shape, bool)
    for row, (asked, score, where) in enumerate(zip(corpus, scores, high, strict=True)):
        visited = slice(1, 1 + len(where))
        now[row, visited], times[row, visited], odd[row, visited] = score[where], asked.times[where], asked.odd[where]
        times[row, 1 + len(where) :] = asked.times[-1] + 1
    alarms = advanced(now, odd, times, policy)
    return [
        on_rows(asked, score, alarms.take(slice(row, row + 1)), policy)
        for row, (asked, score) in enumerate(zip(corpus, scores, strict=True))
    ]


def advanced(now: Floats, odd: Bools, times: Times, policy: Policy) -> Alarmed:
    """What the alarms do over scores (S, m), of samples that are `odd` (S, m) in themselves, at `times` (S, m)."""
    alarms = Alarms.idle(len(now), policy)
    heights = Heights(~np.isnan(now), np.nan_to_num(now), odd, np.zeros(now.shape, np.int8))
    since, active, detection = np.full(now.shape, NEVER), np.full(now.shape, NEVER), np.zeros(now.shape)
    for column in range(now.shape[1]):
        alarms, found = step(alarms, heights, column, times[:, column], policy)  # type: ignore[arg-type]
        since[:, column], active[:, column], detection[:, column] = alarms.since, alarms.active, found.detection
    return Alarmed(times, since, active, detection)


def on_rows(asked: Asked, score: Floats, alarms: Alarmed, policy: Policy) -> Answers:
    """What is said of the rows of a file, with the columns that were looked at."""
    visited, since, active, detection = (part[0] for part in alarms.parts())
    newest = np.searchsorted(visited, asked.times, side="right") - 1
    on = (since[newest] != NEVER) & (asked.times - active[newest] <= policy.hold)
    onset = np.where(visited[newest] == asked.times, detection[newest], 0.0)
    own = places(asked.times, asked.grid.times)
    latest = places(asked.times, np.maximum.accumulate(asked.grid.times))
    scored: Flags = (own >= 0) & ~np.isnan(score[own])
    return Answers(
        np.where(scored, score[own], np.nan),
        scored & on[latest],
        np.where(scored & asked.grid.leading, onset[own], 0.0),
    )
