"""A short run of each fuzz target; `make soak` has the long one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.processes import UNMEASURED

pytest.importorskip("atheris", reason="atheris has no wheel here: hypothesis alone fuzzes the parsers")
FUZZ = Path(__file__).with_name("fuzz.py")


@pytest.mark.parametrize("target", ["answer", "config", "web_config", "predict"])
def test_nothing_but_the_promised_errors(target: str) -> None:
    command = [sys.executable, str(FUZZ), target, "-runs=1500", "-seed=1", "-max_len=2000"]
    environment = os.environ | UNMEASURED  # it follows its own coverage
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done 1500 runs" in done.stderr
