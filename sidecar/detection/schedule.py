"""When models are fitted: at instants that the clock and the samples alone decide, so that replicas agree."""

from dataclasses import dataclass

import numpy as np

from sidecar.detection.arrays import NEVER, Hashes, Times
from sidecar.detection.settings import DAY, HOUR, WEEK, Settings, context_steps, days_reach
from sidecar.prometheus.coarse import BLOCK, present
from sidecar.prometheus.frame import View

SLOTS = 24
"""`fit_every` is divided into so many slots; a fit has one slot's length to come back, within the limits of `lead`."""

TURNS = 5
"""In how many turns the series of a slot are fitted, so that few change to new models at a time."""

FIT_SECONDS = HOUR // 2
"""What is left of the lead for fits themselves, however long they have waited for others."""

REPLAY_SECONDS = DAY
"""How far back the alarms are replayed when a series changes to a new model, where steps are not short."""

LEAST_REPLAY_SECONDS, REPLAY_STEPS = 8 * HOUR, 2_880
"""Short steps are replayed over so many seconds, or so many of them if that is longer: a start waits for it."""

SOUGHT = 64
"""Columns in which first samples are sought at once."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The fit instants of the series of a query; times are in seconds, but for those whose name ends in `_steps`.

    A model that is fitted on the samples up to an instant takes effect `lead` later: by then it has been fitted, also
    where that takes a while, and every replica changes over at the same step. An old series has an instant every
    `fit_every`. A young one has more, each time its history has doubled, the first so that it is scored from
    `min_history` on.

    Attributes:
        settings: the query's.
        fit_every: how often an old series is fitted.
        group_by: labels whose values siblings have in common, which are fitted together; None where there are none.
    """

    settings: Settings
    fit_every: int
    group_by: tuple[str, ...] | None = None

    @property
    def lead(self) -> int:
        """Time between a fit instant and the first step its model scores; a multiple of the step.

        Not more than a quarter of `min_history`, or the first model of a young series would know little of it.
        """
        step = self.settings.step
        return max(1, min(self.fit_every // SLOTS, self.settings.min_history // 4) // step) * step

    @property
    def patience(self) -> int:
        """How long after its instant a fit may wait for others to be done with it, a multiple of the step.

        The rest of the lead is for doing it.
        """
        return max(self.lead - FIT_SECONDS, 0) // self.settings.step * self.settings.step

    @property
    def lookback_steps(self) -> int:
        """Steps that must be kept so that the model in effect can be fitted, and its alarms replayed, at any time.

        Where a fit takes the older ones for coarse, a block more: what it looks at begins with a whole one.
        """
        settings = self.settings
        steps = max(settings.fit_steps, context_steps(settings) + self.replay_steps) + self._age_steps + 1
        return steps + BLOCK if settings.fit_steps > days_reach(settings) else steps

    @property
    def exact_steps(self) -> int:
        """Steps that must be held as they came; those before become coarse, block by block, when nothing looks at them.

        What scores look at, from the newest step back:

            | days of a week: `near` | nothing | two weeks ago | nothing | three weeks ago |

        In the first "nothing" samples become coarse unseen, whenever that is, if it is wide enough for all steps at
        which one model may judge them. Fits, which look everywhere, take for coarse all that scores may find so. Where
        it is too narrow, only what no score looks at becomes coarse.
        """
        settings = self.settings
        near, far = days_reach(settings), 2 * WEEK // settings.step - settings.clock_steps - 1
        unseen = settings.weeks_back < 2 or near + self.judged_steps + self._age_steps + BLOCK <= far  # noqa: PLR2004
        return max(near if unseen else context_steps(settings), BLOCK) + self.judged_steps

    @property
    def replay_steps(self) -> int:
        """Steps before a model takes effect over which its alarms are replayed."""
        short = max(LEAST_REPLAY_SECONDS, REPLAY_STEPS * self.settings.step)
        return min(REPLAY_SECONDS, short, self.settings.fit_window) // self.settings.step

    @property
    def judged_steps(self) -> int:
        """The most steps that are judged at once: the replay, and what has come since the model took effect."""
        return self.replay_steps + self._age_steps + 1

    @property
    def _age_steps(self) -> int:
        """Steps from the fit instant of a model until the next one takes effect."""
        return -(-(self.fit_every + self.lead) // self.settings.step)

    def newest(self, at: int | Times, first: Times, groups: Hashes) -> Times:
        """The last fit instant of each series at a time, a multiple of the step.

        Args:
            at: unix seconds, one time for all series, or shape (series,).
            first: shape (series,), time of the first sample within the lookback; NEVER where it is older.
            groups: shape (series,), the hash of each series' group, which decides its turn: so siblings have the same.

        Returns:
            int64 of shape (series,), unix seconds; NEVER where the series is too young.
        """
        offset = turns_of(groups) * self.fit_every // (SLOTS * TURNS)
        regular = (at - offset) // self.fit_every * self.fit_every + offset
        regular = -(-regular // self.settings.step) * self.settings.step
        # A series from before the lookback is old enough at any instant of which a model can be in effect.
        begin = np.where(first == NEVER, NEVER, first + self.settings.min_history - self.lead)
        regular = np.where(regular >= begin, regular, NEVER)
        newest: Times = np.maximum(regular, self._newest_doubling(at, first))
        return newest

    def in_effect(self, at: int | Times, first: Times, groups: Hashes) -> Times:
        """The fit instant of the model that scores the step at a time, as `newest`."""
        return self.newest(at - self.lead, first, groups)

    def _newest_doubling(self, at: int | Times, first: Times) -> Times:
        newest = np.full(len(first), NEVER)
        history = self.settings.min_history
        # Beyond half a fit window the samples that were first may have left the lookback, and `first` would lie.
        while history == self.settings.min_history or history <= self.settings.fit_window // 2:
            instant = np.where(first == NEVER, at + 1, first + history - self.lead)
            instant -= instant % self.settings.step
            newest = np.where((instant <= at) & (first != NEVER), instant, newest)
            history *= 2
        return newest


def turns_of(groups: Hashes) -> Times:
    """The turn of each series among all of `fit_every`, by its group's hash: first the slot, then the turn within."""
    slot, turn = groups % np.uint64(SLOTS), groups // np.uint64(SLOTS) % np.uint64(TURNS)
    return (slot * np.uint64(TURNS) + turn).astype(np.int64)


def first_samples(frame: View) -> Times:
    """Time of the first sample of each series; `NEVER` where it stands in the first column, so may well be older."""
    first = np.full(len(frame.values), NEVER)
    waiting = np.flatnonzero(~present(frame.values, slice(None), 0, 1)) if len(frame.times) else np.arange(len(first))
    first[waiting] = frame.end + frame.step
    for left in range(0, len(frame.times), SOUGHT) if len(waiting) else ():
        known = present(frame.values, waiting, left, left + SOUGHT)
        begun = known.any(axis=1)
        first[waiting[begun]] = frame.start + (left + known[begun].argmax(axis=1)) * frame.step
        waiting = waiting[~begun]
    return first
