from collections.abc import Iterator

import pytest

from tests.rules.loopback import Loopback, loopback


@pytest.fixture
def wires() -> Iterator[Loopback]:
    """The ends of the chain: what is scraped, and what is notified."""
    with loopback() as server:
        yield server
