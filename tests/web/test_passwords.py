import asyncio
from base64 import b64encode

import bcrypt
import pytest

from sidecar.web.passwords import MOST_WAITING, Passwords, Verdict

PASSWORD = "pass-w0rd"  # noqa: S105 - of a test
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def check(*headers: str, users: dict[str, str] | None = None) -> list[Verdict]:
    async def one_after_the_other() -> list[Verdict]:
        checked = Passwords({"alice": HASH} if users is None else users)
        return [await checked.check(header) for header in headers]

    return asyncio.run(one_after_the_other())


def test_the_right_password_admits() -> None:
    assert check(basic("alice", PASSWORD), basic("alice", PASSWORD).replace("Basic", "bAsIc")) == [Verdict.ADMITTED] * 2


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !",
        "Basic YWxpY2U=",
        "Bearer " + PASSWORD,
        basic("alice", ""),
        basic("alice", PASSWORD + "x"),
        basic("alice", PASSWORD + "\0"),
        basic("bob", PASSWORD),
        basic("", ""),
        basic("alice", "x" * 73),
        basic("älice", PASSWORD),
    ],
)
def test_anything_else_is_refused(header: str) -> None:
    assert check(header) == [Verdict.REFUSED]


def test_of_a_long_password_all_counts() -> None:
    hashed = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    users = {"alice": hashed}
    assert check(basic("alice", "x" * 72), basic("alice", "x" * 73), users=users) == [Verdict.ADMITTED, Verdict.REFUSED]


def test_every_guess_costs_a_check_and_a_proven_password_none(monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[bytes] = []
    real = bcrypt.checkpw

    def counted(password: bytes, hashed: bytes) -> bool:
        checks.append(hashed)
        return real(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    check(*[basic("alice", PASSWORD)] * 5)
    assert len(checks) == 1
    checks.clear()
    check(basic("nobody", PASSWORD), basic("alice", "x"), basic("alice", "x"), basic("alice", "x" * 99))
    assert checks == [HASH.encode()] * 4  # the unknown user and the known one take the same time


def test_an_unknown_user_takes_as_long_as_the_known_one_with_the_slowest_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = {name: bcrypt.hashpw(b"x", bcrypt.gensalt(cost)).decode() for name, cost in (("alice", 4), ("bob", 5))}
    checks: list[bytes] = []
    monkeypatch.setattr(bcrypt, "checkpw", lambda _, hashed: checks.append(hashed))
    check(basic("nobody", PASSWORD), users=hashes)
    assert checks == [hashes["bob"].encode()]


def test_a_flood_of_guesses_is_turned_away_and_who_is_known_gets_in() -> None:
    async def flood() -> tuple[list[Verdict], Verdict]:
        checked = Passwords({"alice": HASH})
        await checked.check(basic("alice", PASSWORD))
        guesses = [asyncio.create_task(checked.check(basic("alice", f"guess {i}"))) for i in range(200)]
        await asyncio.sleep(0)
        known = await checked.check(basic("alice", PASSWORD))
        assert not any(guess.done() and guess.result() is Verdict.REFUSED for guess in guesses)
        return await asyncio.gather(*guesses), known

    guesses, known = asyncio.run(flood())
    assert known is Verdict.ADMITTED
    assert guesses.count(Verdict.REFUSED) == MOST_WAITING
    assert guesses.count(Verdict.BUSY) == 200 - MOST_WAITING


def test_the_loop_is_free_while_a_password_is_checked() -> None:
    dear = bcrypt.hashpw(b"x", bcrypt.gensalt(11)).decode()

    async def turns_meanwhile() -> int:
        guess = asyncio.create_task(Passwords({"alice": dear}).check(basic("alice", "guess")))
        turns = 0
        while not guess.done():
            await asyncio.sleep(0.001)
            turns += 1
        return turns

    assert asyncio.run(turns_meanwhile()) > 3
