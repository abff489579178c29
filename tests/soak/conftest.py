"""What takes minutes runs by `make soak` alone, for about SOAK_MINUTES in all."""

import os

import pytest

collect_ignore_glob = [] if "SOAK_MINUTES" in os.environ else ["test_*.py"]


@pytest.fixture
def seconds() -> float:
    """What all of the soak may take."""
    return 60 * float(os.environ["SOAK_MINUTES"])
