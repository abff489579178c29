"""What one key alone cannot tell: whether the keys of a configuration fit each other."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from sidecar.config.duration import format_duration
from sidecar.config.schema import WARM_UP_STEPS, LoopTiming, Timing

FEWEST_STEPS = 60
"""Fewer points of a window leave nothing to learn a tail from."""
MOST_STEPS = 4 * 11_000
"""What four full range requests return; more per series is refused, not served slowly."""
MOST_STEPS_A_TIME = 10
"""Steps that one evaluation may bring: with more, most of them would never be seen as the newest."""
LONGEST_UNASKED = 86_400
"""The default of fit_every, which may be longer than a window."""
USUAL_STEPS = 2_016
"""A week in steps of five minutes."""

_USUAL = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)


Fault: TypeAlias = tuple[str, str]
"""A key and what is wrong with it."""


def loop_faults(loop: LoopTiming) -> Iterator[Fault]:
    """Faults of the durations at the top level."""
    staleness, interval = _written(loop.staleness, loop.evaluation_interval)
    if loop.staleness <= loop.evaluation_interval:
        longer = format_duration(2 * loop.evaluation_interval)
        message = f"{staleness} is over before the next evaluation, {interval} later: write {longer} or more"
        yield "staleness", message


def timing_faults(timing: Timing, interval: int | None) -> Iterator[Fault]:
    """Faults of a query's durations; `interval` is the seconds between evaluations, where it is known."""
    if interval is not None and interval > MOST_STEPS_A_TIME * timing.step:
        step, every, longer = _written(timing.step, interval, -(-interval // MOST_STEPS_A_TIME))
        message = (
            f"{step} passes more than {MOST_STEPS_A_TIME} times in evaluation_interval, {every}: write {longer} or more"
        )
        yield "step", message
    yield from _window_faults(timing)
    yield from _history_faults(timing)
    if timing.fit_every < timing.step:
        step, every = _written(timing.step, timing.fit_every)
        yield "fit_every", f"{every} is shorter than step, {step}: write {step} or more"
    elif timing.fit_every > max(timing.fit_window, LONGEST_UNASKED):
        window, every = _written(max(timing.fit_window, LONGEST_UNASKED), timing.fit_every)
        yield "fit_every", f"{every} is longer than fit_window, and samples are kept for both: write {window} or less"


def _window_faults(timing: Timing) -> Iterator[Fault]:
    step, window, longer = _written(timing.step, timing.fit_window, FEWEST_STEPS * timing.step)
    steps = timing.fit_window // timing.step
    if steps < FEWEST_STEPS:
        message = f"{window} holds {steps} steps of {step}, too few to learn from: write {longer} or more"
        yield "fit_window", message
    elif steps > MOST_STEPS:
        yield "step", _too_many(timing)


def _history_faults(timing: Timing) -> Iterator[Fault]:
    shortest = WARM_UP_STEPS * timing.step
    history, window, step, least = _written(timing.min_history, timing.fit_window, timing.step, shortest)
    if timing.min_history < shortest:
        message = f"{history} is less than the {WARM_UP_STEPS} steps of {step} a score needs: write {least} or more"
        yield "min_history", message
    elif timing.min_history > timing.fit_window >= FEWEST_STEPS * timing.step:
        yield "min_history", f"{history} is more than fit_window, {window}: write {window} or less"


def _written(*durations: int) -> tuple[str, ...]:
    return tuple(map(format_duration, durations))


def _too_many(timing: Timing) -> str:
    usual = next((step for step in _USUAL if timing.fit_window <= USUAL_STEPS * step), timing.fit_window // USUAL_STEPS)
    return (
        f"{format_duration(timing.step)} makes {timing.fit_window // timing.step} points of fit_window, "
        f"{format_duration(timing.fit_window)}, at most {MOST_STEPS} can be served: "
        f"write {format_duration(usual)}, or a shorter fit_window"
    )


def repeated_names(names: Sequence[object]) -> Iterator[tuple[int, str, int]]:
    """Names that an earlier query has, as (index, name, index of the first)."""
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if isinstance(name, str) and first.setdefault(name, index) != index:
            yield index, name, first[name]
