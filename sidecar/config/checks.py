"""What one key alone cannot tell: whether the keys of a configuration fit each other."""

from collections.abc import Iterator, Mapping, Sequence

from sidecar.config.duration import format_duration
from sidecar.config.schema import WARM_UP_STEPS, LoopTiming, Timing

FEWEST_STEPS = 60
"""Fewer points of a window leave nothing to learn a tail from."""
MOST_STEPS = 4 * 11_000
"""What four full range requests return; more per series is refused, not served slowly."""
USUAL_STEPS = 2_016
"""A week in steps of five minutes."""

_USUAL = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)


def loop_faults(loop: LoopTiming) -> Iterator[tuple[str, str]]:
    """Faults of the top level's durations, as (key, message)."""
    if loop.staleness <= loop.evaluation_interval:
        yield (
            "staleness",
            f"{format_duration(loop.staleness)} is over before the next evaluation, every "
            f"{format_duration(loop.evaluation_interval)}: write {format_duration(2 * loop.evaluation_interval)} or more",
        )


def timing_faults(timing: Timing, interval: int | None) -> Iterator[tuple[str, str]]:
    """Faults of a query's durations, as (key, message); `interval` between evaluations, seconds, where it is known."""
    step = format_duration(timing.step)
    window = format_duration(timing.fit_window)
    if interval is not None and interval > timing.step:
        every = format_duration(interval)
        yield (
            "step",
            f"{step} is shorter than evaluation_interval, {every}, and steps would be skipped: write {every} or more",
        )
    steps = timing.fit_window // timing.step
    if steps < FEWEST_STEPS:
        longer = format_duration(FEWEST_STEPS * timing.step)
        yield (
            "fit_window",
            f"{window} holds {steps} steps of {step}, too few to learn from: write {longer} or more, or a shorter step",
        )
    elif steps > MOST_STEPS:
        yield "step", _too_many(timing)
    if timing.min_history > timing.fit_window:
        yield (
            "min_history",
            f"{format_duration(timing.min_history)} is more than fit_window, {window}: write {window} or less",
        )
    elif timing.min_history < WARM_UP_STEPS * timing.step <= timing.fit_window:
        shortest = format_duration(WARM_UP_STEPS * timing.step)
        yield (
            "min_history",
            f"{format_duration(timing.min_history)} is less than the {WARM_UP_STEPS} steps of {step} "
            f"that a first score needs: write {shortest} or more",
        )
    if timing.fit_every < timing.step:
        yield "fit_every", f"{format_duration(timing.fit_every)} is shorter than step, {step}: write {step} or more"


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
