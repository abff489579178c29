"""An exchange can be cut before, while and after it has a connection."""

import socket

from sidecar.prometheus.transport import Exchange


def test_connection_of_an_exchange_that_was_cut_is_at_its_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Exchange(60) as exchange:
        exchange.cut()
        exchange.hold(ours)
        assert exchange.was_cut
        assert ours.recv(1) == b""


def test_cut_ends_the_connection_that_is_held() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Exchange(60) as exchange:
        exchange.hold(ours)
        exchange.cut()
        assert (ours.recv(1), theirs.recv(1)) == (b"", b"")


def test_deadline_cuts() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Exchange(0.01) as exchange:
        exchange.hold(ours)
        assert theirs.recv(1) == b""
        assert exchange.was_cut


def test_connection_outlives_its_exchange() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with Exchange(60) as exchange:
            exchange.hold(ours)
        exchange.cut()
        theirs.send(b"x")
        assert ours.recv(1) == b"x"


def test_connection_that_has_ended_can_be_cut() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Exchange(60) as exchange:
        exchange.hold(ours)
        ours.shutdown(socket.SHUT_RDWR)
        theirs.close()
        exchange.cut()
        assert exchange.was_cut
