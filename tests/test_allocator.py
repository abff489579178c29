import ctypes
import subprocess
import sys

import pytest

from sidecar.allocator import give_back_freed, give_back_large_blocks, keep_freed_blocks

HELD = """
import sys
import numpy as np
from pathlib import Path
from sidecar import allocator

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

assert getattr(allocator, sys.argv[1])()
before = resident()
for size in (2_000_000, 3_000_000):  # the first teaches glibc to keep the others
    blocks = [np.ones(size // 8) for _ in range(20)]
    pins = [np.ones(1000) for _ in range(200)]
    del blocks
print(resident() - before)
"""


GLIBC_ALONE = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="glibc alone keeps freed blocks so"
)


@GLIBC_ALONE
def test_freed_arrays_leave_the_process_or_stay_in_it() -> None:
    def held(how: str) -> int:
        return int(subprocess.check_output([sys.executable, "-c", HELD, how]))

    assert held("give_back_large_blocks") < 5_000_000
    assert held("keep_freed_blocks") > 50_000_000


HEAP = """
from pathlib import Path
import numpy as np
from sidecar.allocator import give_back_freed

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

before = resident()
blocks = [np.ones(1000) for _ in range(4000)]
pin = np.ones(1000)
del blocks
kept = resident() - before
assert give_back_freed()
print(kept, resident() - before)
"""


@GLIBC_ALONE
def test_freed_memory_below_a_block_in_use_leaves_too() -> None:
    kept, left = map(int, subprocess.check_output([sys.executable, "-c", HEAP]).split())
    assert kept > 25_000_000
    assert left < 5_000_000


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.allocator._function", lambda _name: None)
    assert not give_back_large_blocks()
    assert not keep_freed_blocks()
    assert not give_back_freed()
