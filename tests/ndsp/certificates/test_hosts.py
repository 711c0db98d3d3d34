"""Hosts as they are typed."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndsp.certificates._errors import CertificateError
from ndsp.certificates._hosts import is_among, parse_endpoint, parse_host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("lamp", "lamp"),
        ("Lamp.Lab.Example.", "lamp.lab.example"),
        ("LAB_PC7", "lab_pc7"),
        ("*.lab", "*.lab"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("10.0.0.5", ipaddress.ip_address("10.0.0.5")),
        ("[::1]", ipaddress.ip_address("::1")),
        ("fe80::0:1", ipaddress.ip_address("fe80::1")),
    ],
)
def test_a_host_is_read(text: str, host: object) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("lamp:3249", "leave the port out"),
        ("10.0.0.5:3249", "leave the port out"),
        ("http://lamp", "a URL"),
        ("10.0.0.0/24", "network"),
        ("10.0.0", "no complete address"),
        ("10.0.0.256", "no complete address"),
        ("fe80::1%eth0", "leave it out"),
        ("", "such as 'lamp.lab.example'"),
        ("a b", "such as"),
        ("-lamp", "such as"),
        ("a..b", "such as"),
        ("x*.lab", "such as"),
        ("ä" * 70, "such as"),
        ("a." * 130 + "a", "such as"),
    ],
)
def test_what_is_no_host_is_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(CertificateError, match="cannot certify the host") as caught:
        parse_host(text)
    assert hint in str(caught.value)


@given(st.text() | st.from_regex(r"[a-z0-9.:*\[\]_-]{0,20}", fullmatch=True))
def test_any_text_is_a_host_or_refused_with_one_line(text: str) -> None:
    complaint = ""
    try:
        host = parse_host(text)
        assert parse_host(str(host)) == host
    except CertificateError as error:
        complaint = str(error)
    assert len(complaint.splitlines()) <= 1


@given(st.ip_addresses())
def test_every_address_is_read_as_what_it_is(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert parse_host(str(address)) == address


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        *[("lamp.lab", True), ("LAMP.lab", True), ("x.dark.lab", True), ("::1", True)],
        *[("lamp", False), ("dark.lab", False), ("a.b.dark.lab", False), ("::2", False)],
        ("not a host", False),
    ],
)
def test_a_host_is_among_those_of_a_certificate_as_clients_see_it(asked: str, named: bool) -> None:
    hosts = [parse_host(text) for text in ("lamp.lab", "*.dark.lab", "::1")]
    assert is_among(asked, hosts) is named


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("lamp:3249", ("lamp", 3249)),
        ("[::1]:1", ("::1", 1)),
        ("10.0.0.5:65535", ("10.0.0.5", 65535)),
    ],
)
def test_where_a_server_listens_is_read(text: str, endpoint: tuple[str, int]) -> None:
    assert parse_endpoint(text) == endpoint


@pytest.mark.parametrize(
    "text", ["", "lamp", "lamp:", ":3249", "lamp:0", "lamp:65536", "::1:3249", "a:-1"]
)
def test_where_no_server_listens_is_refused(text: str) -> None:
    with pytest.raises(CertificateError, match="expected HOST:PORT"):
        parse_endpoint(text)
