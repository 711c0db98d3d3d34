"""Where a server listens: what was asked for, and what the machine has of it."""

import errno
import logging
import socket
from typing import Any

import pytest

from sipyco._io import addresses, sockets
from sipyco._io.addresses import Hosts


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (None, [None]),
        ("", [None]),
        ("*", [None]),
        ([None, "::1"], [None]),
        (["127.0.0.1", "*"], [None]),
        ("::1", ["::1"]),
        (["127.0.0.1", "::1"], ["127.0.0.1", "::1"]),
        (["::1", "::1", "127.0.0.1", "::1"], ["::1", "127.0.0.1"]),
        (("127.0.0.1",), ["127.0.0.1"]),
        ([], []),
    ],
)
def test_hosts_of_every_form_become_a_list_without_repetition(
    host: Hosts, expected: list[str | None]
) -> None:
    assert addresses.as_list(host) == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_recognised(host: str) -> None:
    assert addresses.is_loopback(host)


@pytest.mark.parametrize("host", [None, "0.0.0.0", "::", "192.168.1.2", "lab-pc", ""])
def test_everything_else_can_be_reached_from_outside(host: str | None) -> None:
    assert not addresses.is_loopback(host)


def without(monkeypatch: pytest.MonkeyPatch, missing: str, number: int) -> None:
    """Make this a machine that does not have an address."""
    real = addresses._bound

    def bound(host: str | None, port: int) -> socket.socket:
        if host == missing:
            raise OSError(number, "as on a machine without it")
        return real(host, port)

    monkeypatch.setattr(addresses, "_bound", bound)


@pytest.mark.parametrize("number", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
def test_a_loopback_address_that_the_machine_lacks_is_left_out_with_a_warning(
    number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    without(monkeypatch, "::1", number)
    assert addresses.usable(["127.0.0.1", "::1"]) == ["127.0.0.1"]
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
        (logging.WARNING, "this machine does not have the address ::1")
    ]


def test_other_addresses_are_not_left_out_since_somebody_relies_on_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "192.0.2.1", errno.EADDRNOTAVAIL)
    with pytest.raises(OSError, match="as on a machine without it"):
        addresses.usable(["127.0.0.1", "192.0.2.1"])


def test_if_nothing_is_left_binding_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "::1", errno.EADDRNOTAVAIL)
    assert addresses.usable(["::1"]) == ["::1"]


def test_other_troubles_of_a_loopback_address_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "::1", errno.EMFILE)
    with pytest.raises(OSError, match="as on a machine"):
        addresses.usable(["127.0.0.1", "::1"])


def test_localhost_is_what_the_machine_has_of_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In containers it often names ::1, which is not there."""

    def getaddrinfo(*args: Any, **options: Any) -> Any:
        kind = socket.SOCK_STREAM
        return [
            (socket.AF_INET6, kind, 6, "", ("::1", 0, 0, 0)),
            (socket.AF_INET, kind, 6, "", ("127.0.0.1", 0)),
        ]

    without(monkeypatch, "::1", errno.EADDRNOTAVAIL)
    monkeypatch.setattr(addresses, "_exists", lambda host: host != "::1")
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert addresses.usable(["localhost"]) == ["127.0.0.1"]
    assert addresses.usable(["localhost", "127.0.0.1"]) == ["127.0.0.1"]
    assert caplog.records == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EADDRINUSE, "x"), "address already in use; is another copy"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "give an address that this machine has"),
        (PermissionError(errno.EACCES, "x"), "ports below 1024 need privileges"),
        (socket.gaierror(-2, "Name or service not known"), "is the host's name spelled right?"),
    ],
)
def test_an_error_says_what_could_not_be_bound_and_what_to_do(error: OSError, words: str) -> None:
    explained = addresses.bind_error(error, ["::1", None], 3249)
    assert type(explained) is type(error)
    assert explained.errno == error.errno
    assert "cannot listen on [::1]:3249, *:3249: " in str(explained)
    assert words in str(explained)


@pytest.mark.parametrize("port", [3249, "3249", " 3249"])
def test_ports_are_numbers_or_their_digits(port: int | str) -> None:
    assert sockets.parse_port(port) == 3249


@pytest.mark.parametrize("port", ["", "http", "3249.5", -1, 65536, "65536", None, [1]])
def test_what_is_no_port_is_a_value_error(port: Any) -> None:
    with pytest.raises(ValueError, match="is no TCP port; ports are numbers from 0 to 65535"):
        sockets.parse_port(port)
