"""The detectors that are compared, all behind one face: a directory of series in, a directory of answers out."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from benchmarks.detection.baselines import BASELINES, answer_directory
from benchmarks.detection.groups import answer_together
from sidecar.config.vocabulary import Scope

Detector: TypeAlias = Callable[[Path, Path], None]
"""(corpus, results): answers every CSV of the corpus in a file of the same relative path, with the columns of
`sidecar backtest`."""


def product(corpus: Path, results: Path) -> None:
    """The product, as its users run it, with its defaults; raises CalledProcessError when it fails."""
    command = [sys.executable, "-m", "sidecar", "backtest", f"--input={corpus}", f"--output={results}", "--no-band"]
    subprocess.run(command, check=True)


DETECTORS: dict[str, Detector] = {
    "sidecar": product,
    "sidecar, groups": partial(answer_together, Scope.GROUP),
    **{name: partial(answer_directory, baseline) for name, baseline in BASELINES.items()},
}
