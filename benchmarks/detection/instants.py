"""How far the figures depend on the hour of the day at which models are fitted, which nothing but labels decides.

    python -m benchmarks.detection.instants [--nab=PATH] [--cloud=PATH] [--hours N...] [--processes=N]

The product fits a file, a series without labels, at 07:00 UTC. It is made to fit at other hours.
"""

import argparse
from functools import partial
from pathlib import Path

from benchmarks.detection.report import Corpus
from benchmarks.detection.varied import varied
from sidecar.detection import watched
from sidecar.detection.schedule import Schedule
from sidecar.prometheus.frame import LabelSet

HOURS = (2, 7, 12, 17, 22)


def set_hour(hour: int) -> None:
    """Has this process fit at that hour of each day."""

    def group_of(labels: LabelSet, schedule: Schedule) -> int:
        del labels, schedule
        return hour

    watched.group_of = group_of


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nab", type=Path, metavar="PATH")
    parser.add_argument("--cloud", type=Path, metavar="PATH")
    parser.add_argument("--hours", type=int, nargs="*", default=HOURS, metavar="N")
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    asked = parser.parse_args()
    variations = {f"{hour:02}:00": partial(set_hour, hour) for hour in asked.hours}
    if asked.cloud:
        print(varied(Corpus("cloud", asked.cloud), variations, asked.processes).markdown())
    if asked.nab:
        print(varied(Corpus.of_nab(asked.nab), variations, asked.processes).markdown())


if __name__ == "__main__":
    main()
