"""Checks of passwords against bcrypt hashes, which are slow by design: what was proven once is remembered."""

import asyncio
import hmac
import secrets
from base64 import b64decode
from collections.abc import Mapping
from enum import Enum, auto

import bcrypt

MOST_WAITING = 16
"""Unproven passwords that wait for their check at once; more are turned away, or guessing would fill the memory."""

_LONGEST = 72  # bytes that bcrypt looks at


class Verdict(Enum):
    """What a check of credentials comes to."""

    ADMITTED = auto()
    REFUSED = auto()
    BUSY = auto()


class Passwords:
    """The users that are let in.

    Checks run one at a time in a thread, so that guessing takes one core at most and never the event loop. Only
    successes are remembered, by a keyed digest: guesses cannot push them out, and a user who is known is let in at
    once however many guess.
    """

    def __init__(self, users: Mapping[str, str]) -> None:
        """Lets in `users`, by name the bcrypt hash of the password."""
        self._users = {name.encode(): hashed.encode() for name, hashed in users.items()}
        # An unknown user costs as much time as the known one whose check takes longest.
        self._decoy = max(self._users.values(), key=_cost, default=b"")
        self._key = secrets.token_bytes(32)
        self._proven: set[bytes] = set()
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def check(self, authorization: str) -> Verdict:
        """Whether the credentials of an Authorization header are right."""
        credentials = _credentials(authorization)
        if credentials is None:
            return Verdict.REFUSED
        digest = hmac.digest(self._key, b"\0".join(credentials), "sha256")
        if digest in self._proven:
            return Verdict.ADMITTED
        if self._waiting >= MOST_WAITING:
            return Verdict.BUSY
        self._waiting += 1
        try:
            async with self._turn:
                right = await asyncio.to_thread(self._is_right, *credentials)
        finally:
            self._waiting -= 1
        if not right:
            return Verdict.REFUSED
        self._proven.add(digest)
        return Verdict.ADMITTED

    def _is_right(self, user: bytes, password: bytes) -> bool:
        hashed = self._users.get(user)
        if len(password) > _LONGEST or b"\0" in password:
            hashed, password = None, b""
        same = bcrypt.checkpw(password, hashed or self._decoy)
        return same and hashed is not None


def _cost(hashed: bytes) -> bytes:
    """By how many doublings a bcrypt hash is slow: `$2b$12$...`, always two digits."""
    return hashed.split(b"$")[2]


def _credentials(authorization: str) -> tuple[bytes, bytes] | None:
    """User and password of a Basic header (RFC 7617); None where it is none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).partition(b":")
    except ValueError:
        return None
    return (user, password) if colon else None
