# ruff: noqa: INP001 a script, not a package
"""The CPU of three made-up hosts, as the tutorial needs it.

python3 hosts.py history    three days up to now, as OpenMetrics
python3 hosts.py live FILE  every second, what it is now, into FILE; HOST runs hot while there is a hot-HOST beside FILE
"""

import math
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HOSTS = ("web-1", "web-2", "db-1")
STEP, DAY = 15, 86_400
HOT = 15.5


def cores(host: str, at: int) -> float:
    """The cores of its sixteen that a host uses: a daily wave, and some noise."""
    noise = random.Random(f"{host} {at}").gauss(0, 0.05)  # noqa: S311 noise, not a secret
    return 3 + 0.2 * math.sin(2 * math.pi * at / DAY + HOSTS.index(host)) + noise


def sample(host: str, value: float) -> str:
    """One line as Prometheus reads it."""
    return f'host_cpu_cores{{instance="{host}",job="hosts"}} {value:.3f}'


def history(now: int) -> Iterator[str]:
    """The past, with the time of each sample."""
    yield "# TYPE host_cpu_cores gauge"
    for host in HOSTS:
        yield from (f"{sample(host, cores(host, at))} {at}" for at in range(now - 3 * DAY, now, STEP))
    yield "# EOF"


def tell(file: Path, now: int) -> None:
    """Puts what is now in the place of what was."""
    hot = {host for host in HOSTS if (file.parent / f"hot-{host}").exists()}
    lines = [sample(host, HOT if host in hot else cores(host, now)) for host in HOSTS]
    new = file.with_suffix(".new")
    new.write_text("".join(f"{line}\n" for line in lines))
    os.replace(new, file)  # noqa: PTH105 who reads the file sees all of it or nothing


if __name__ == "__main__":
    if sys.argv[1:] == ["history"]:
        print("\n".join(history(int(time.time()))))  # noqa: T201 this is what it is for
    while sys.argv[1] == "live":
        tell(Path(sys.argv[2]), int(time.time()))
        time.sleep(1)
