"""How often the product alarms about nothing but noise, by kind of noise and step.

usage: python -m benchmarks.detection.noise [--seed=N]

Every series is noise of one kind around one level, without season, incident or trend: what the alarm budget, one alarm
in 30 days, is about. A model is fitted once on a whole window, and judges what comes next. Of each kind and step at
least 90 days of all series together are judged: one alarm is at most 0.3 in 30 days.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.normal import red_noise
from benchmarks.detection.report import Table
from benchmarks.detection.series import DAY, HOUR, Floats
from sidecar.config.schema import QueryConfig
from sidecar.detection.alarm import Alarms, advance
from sidecar.detection.detector import fit, score
from sidecar.loop.terms import policy_of, schedule_of

START = 1_700_006_400  # a midnight
Noise = Callable[[np.random.Generator, int, int], Floats]
"""A generator, rows and a step in seconds, to values (rows,)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One step: how long the window is and what comes after it, in seconds, and how many series of a kind there are."""

    name: str
    step: int
    window: int
    judged: int
    series: int
    budget: str = "1 per 30d"

    @property
    def query(self) -> QueryConfig:
        """The defaults, but for the window and the budget."""
        durations = {"step": self.step, "fit_window": self.window, "min_history": min(DAY, self.window // 2)}
        return QueryConfig.model_validate(
            {"name": "noise", "expr": "vector(0)", "alarm_budget": self.budget, **durations}
        )


PLANS = (
    Plan("15 s, 90 min", 15, 5_400, 5_400, 1_440),
    Plan("15 s, 8 h", 15, 8 * HOUR, 8 * HOUR, 270),
    Plan("1 m, 2 d", 60, 2 * DAY, DAY, 90),
    Plan("5 m, 7 d", 300, 7 * DAY, DAY, 90),
    Plan("5 m, 28 d", 300, 28 * DAY, 2 * DAY, 45),
    Plan("1 h, 28 d", 3_600, 28 * DAY, 14 * DAY, 100),
)


def around(level: float, spread: float, memory: float) -> Noise:
    """Normal noise that forgets in `memory` seconds."""
    return lambda rng, rows, step: level + spread * red_noise(rows, step, memory, rng)


KINDS: dict[str, Noise] = {
    "white": around(1, 0.05, 1),
    "forgets in an hour": around(1, 0.05, HOUR),
    "forgets in eight hours": around(1, 0.05, 8 * HOUR),
    "log-normal": lambda rng, rows, step: np.exp(0.5 * red_noise(rows, step, 120, rng)),
    "Student's t, 4": lambda rng, rows, _: 3 + 0.05 * rng.standard_t(4, rows),
    "counts of 10": lambda rng, rows, _: rng.poisson(10, rows).astype(np.float64),
    "counts of 2": lambda rng, rows, _: rng.poisson(2, rows).astype(np.float64),
    "counts of 0.3": lambda rng, rows, _: rng.poisson(0.3, rows).astype(np.float64),
    "counts of 0.05": lambda rng, rows, _: rng.poisson(0.05, rows).astype(np.float64),
}


def alarms(plan: Plan, noise: Noise, seed: int) -> float:
    """Alarms per series in 30 days."""
    rng, settings, policy = np.random.default_rng(seed), schedule_of(plan.query, "UTC").settings, policy_of(plan.query)
    learnt, judged = plan.window // plan.step, plan.judged // plan.step
    values = np.stack([noise(rng, learnt + judged, plan.step) for _ in range(plan.series)])
    models = fit(values[:, :learnt], START, settings)
    times = START + plan.step * np.arange(1, judged + 1)
    scores = score(models, values, int(times[-1]), settings, judged)
    _, outcome = advance(Alarms.idle(plan.series, policy), scores, values[:, learnt:], times, policy)
    began = np.count_nonzero(outcome.detection >= 1)
    return float(began * 30 * DAY / (plan.series * plan.judged))


def table(plans: tuple[Plan, ...], seed: int) -> Table:
    """A row per kind, a column per plan."""
    rows = [[kind, *(f"{alarms(plan, noise, seed):.1f}" for plan in plans)] for kind, noise in KINDS.items()]
    return Table("alarms in 30 days", ["noise", *(plan.name for plan in plans)], rows)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    print(table(PLANS, parser.parse_args().seed).markdown())


if __name__ == "__main__":
    main()
