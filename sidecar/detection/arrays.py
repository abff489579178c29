"""Names for the arrays that all of detection computes with."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Ints: TypeAlias = NDArray[np.intp]
Bools: TypeAlias = NDArray[np.bool_]
Hashes: TypeAlias = NDArray[np.uint64]
Times: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.int8]
Objects: TypeAlias = NDArray[Any]
"""References, one per row."""

NEVER = -(2**62)
"""The time of what has not been: no sample has it, before 1970 either, and it can be subtracted from any time without
overflow."""
