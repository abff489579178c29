"""The fuzz targets for as long as the soak allows."""

import subprocess
import sys

import pytest

from tests.hostile.test_fuzz import FUZZ

pytest.importorskip("atheris", reason="atheris has no wheel here: hypothesis alone fuzzes the parsers")


@pytest.mark.parametrize("target", ["answer", "config", "web_config", "predict"])
def test_nothing_but_the_promised_errors(target: str, seconds: float) -> None:
    command = [sys.executable, str(FUZZ), target, f"-max_total_time={int(seconds / 16)}", "-max_len=4000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    sys.stderr.write(f"\n{target}: {done.stderr.strip().splitlines()[-1]}\n")
