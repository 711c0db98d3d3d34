"""Certificates and keys out of files."""

import subprocess
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from ndsp.certificates._errors import CertificateError
from ndsp.certificates._making import Period, make_authority, new_key
from ndsp.certificates._pem import (
    belongs,
    certificate_pem,
    has_certificate,
    has_key,
    key_pem,
    read_certificates,
    read_key,
)
from ndsp.certificates.laboratory import Laboratory
from tests.certificates import Certificates

CA = trustme.CA().cert_pem.bytes()
KEY = key_pem(new_key())


def test_what_was_written_is_read(laboratory: Laboratory) -> None:
    authority = laboratory.authority.certificate
    desk = laboratory.certificate_of("desk")
    pem = certificate_pem(authority, desk)
    assert read_certificates(pem, "x") == [authority, desk]
    key = new_key()
    assert key_pem(read_key(key_pem(key), "x")) == key_pem(key)


def test_what_openssl_has_made_is_read(certificates: Certificates) -> None:
    (made,) = read_certificates(certificates.cert("server").read_bytes(), "server.pem")
    key = read_key(certificates.key("server").read_bytes(), "server.key")
    assert belongs(key, made)
    assert not belongs(new_key(), made)


def test_text_around_and_windows_line_ends_do_not_matter() -> None:
    pem = b"Ion lab\r\n" + CA.replace(b"\n", b"\r\n") + b"\r\nbye"
    assert read_certificates(pem, "x") == read_certificates(CA, "x")


def test_a_file_tells_what_is_in_it() -> None:
    assert [has_certificate(CA), has_key(CA)] == [True, False]
    assert [has_certificate(KEY), has_key(KEY)] == [False, True]
    assert has_key(b"-----BEGIN RSA PRIVATE KEY-----")


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b" \n", "it is empty"),
        ("-----BEGIN CERTIFICATE-----".encode("utf-16"), "UTF-16"),
        (read_certificates(CA, "")[0].public_bytes(Encoding.DER), "openssl x509 -inform der"),
        (KEY, "it holds a private key; expected PEM"),
        (b"hello", "neither certificate nor key"),
        (CA[: len(CA) // 2], "one is damaged"),
        (CA.replace(b"M", b"N"), "one is damaged"),
    ],
)
def test_what_holds_no_certificate_is_refused_with_a_hint(data: bytes, hint: str) -> None:
    with pytest.raises(CertificateError, match=r"cannot read certificates from 'a\.pem'") as caught:
        read_certificates(data, "a.pem")
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"", "it is empty"),
        (CA, "it holds a certificate; expected PEM"),
        (KEY[:60] + KEY[70:], "it is damaged"),
    ],
)
def test_what_holds_no_key_is_refused_with_a_hint(data: bytes, hint: str) -> None:
    with pytest.raises(
        CertificateError, match=r"cannot read a private key from 'a\.key'"
    ) as caught:
        read_key(data, "a.key")
    assert hint in str(caught.value)


def test_a_key_with_a_password_is_refused_with_what_removes_it(tmp_path: Path) -> None:
    command = ["openssl", "pkey", "-aes128", "-passout", "pass:secret", "-out", "a.key"]
    subprocess.run(command, input=KEY, cwd=tmp_path, check=True)
    with pytest.raises(CertificateError, match="password") as caught:
        read_key((tmp_path / "a.key").read_bytes(), "a.key")
    assert "openssl pkey -in a.key" in str(caught.value)


@given(st.data())
def test_any_damage_is_an_error_of_one_line_or_does_no_harm(data: st.DataObject) -> None:
    pem = bytearray(data.draw(st.sampled_from([CA, KEY])))
    for _ in range(data.draw(st.integers(1, 4))):
        pem[data.draw(st.integers(0, len(pem) - 1))] = data.draw(st.integers(0, 255))
    for read in (read_certificates, read_key):
        complaint = ""
        try:
            assert read(bytes(pem), "x")
        except CertificateError as error:
            complaint = str(error)
        assert len(complaint.splitlines()) <= 1


@given(st.binary())
def test_any_bytes_are_an_error_of_one_line(data: bytes) -> None:
    for read in (read_certificates, read_key):
        with pytest.raises(CertificateError) as caught:
            read(b"-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n" + data, "x")
        assert len(str(caught.value).splitlines()) == 1


def test_a_certificate_of_one_key_belongs_to_this_alone() -> None:
    from datetime import UTC, datetime

    key = new_key()
    made = make_authority(key, "lab", Period.of_days(1, datetime.now(UTC)))
    assert belongs(key, made)
    assert not belongs(new_key(), made)
