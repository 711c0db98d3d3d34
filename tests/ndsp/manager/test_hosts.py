"""Which controllers are to run on this machine."""

import ipaddress
import os
import socket

import pytest

from ndsp.manager._hosts import HostFilter, own_addresses
from ndsp.manager._occupants import occupant
from tests.ndsp.manager.world import spec


def another_address() -> str | None:
    """An address of this machine that others know, if it has one."""
    known = (a for a in own_addresses() if not ipaddress.ip_address(a).is_loopback)
    return next(known, None)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_loopback_means_this_machine_only_if_the_master_is_on_it(host: str) -> None:
    hosts = HostFilter(None)
    assert hosts.accepts(spec("lda", host=host))
    hosts.is_local = False
    assert not hosts.accepts(spec("lda", host=host))
    assert "means the machine of the master" in hosts.explain(spec("lda", host=host))


def test_an_address_of_this_machine_means_it() -> None:
    address = another_address()
    if address is None:
        pytest.skip("this machine has loopback addresses only")
    hosts = HostFilter(None)
    hosts.is_local = False
    assert hosts.accepts(spec("lda", host=address))


def test_another_machine_is_not_meant_and_this_one_is_named() -> None:
    hosts = HostFilter(None)
    other = spec("lda", host="192.0.2.77")
    assert not hosts.accepts(other)
    explained = hosts.explain(other)
    assert "'192.0.2.77'" in explained
    assert (another_address() or "loopback") in explained


def test_the_filter_takes_the_place_of_all_that() -> None:
    hosts = HostFilter("192.0.2.77")
    assert hosts.accepts(spec("lda", host="192.0.2.77"))
    assert not hosts.accepts(spec("lda", host="localhost"))
    assert HostFilter("127.0.0.1").accepts(spec("lda", host="localhost"))


def test_a_host_that_is_not_known_matches_nothing() -> None:
    hosts = HostFilter(None)
    unknown = spec("lda", host="no.such.host.invalid")
    assert not hosts.accepts(unknown)
    assert "cannot be found" in hosts.explain(unknown)
    assert HostFilter("no.such.host.invalid").accepts(unknown)


def test_who_has_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        named = occupant("localhost", port)
        elsewhere = occupant("192.0.2.77", port)
    assert named is not None
    assert named.startswith(f"process {os.getpid()} (")
    assert elsewhere is None
    assert occupant("localhost", port) is None
