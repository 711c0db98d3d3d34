"""Our opinion about who accepts whom is OpenSSL's."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ndsp.certificates._making import (
    Period,
    distinguished,
    make_authority,
    make_certificate,
    new_key,
)
from ndsp.certificates._pem import read_certificates, read_key
from ndsp.certificates._roles import EVERY_ROLE, Role
from ndsp.certificates._trust import Trust, distinct_versions
from tests.ndsp.certificates.handshakes import ORIGINAL, OURS, judge

NOW = datetime.now(UTC)
VALID = Period(NOW - timedelta(days=1), NOW + timedelta(days=100))
PAST = Period(NOW - timedelta(days=9), NOW - timedelta(days=1))
FUTURE = Period(NOW + timedelta(days=1), NOW + timedelta(days=9))

KEY, OTHER_KEY, LEAF_KEY = new_key(), new_key(), new_key()
AUTHORITY = make_authority(KEY, "lab", VALID)
FORGED = make_authority(OTHER_KEY, "lab", VALID)


@dataclass(frozen=True)
class Shown:
    """What a side shows, and the key behind it."""

    certificates: list[x509.Certificate]
    key: ec.EllipticCurvePrivateKey


def leaf(
    name: str, *roles: Role, period: Period = VALID, by: x509.Certificate = AUTHORITY
) -> x509.Certificate:
    signer = KEY if by is AUTHORITY else OTHER_KEY
    subject = distinguished("lab", name)
    return make_certificate(by, signer, subject, LEAF_KEY.public_key(), roles, [], period)


def built(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *extensions: x509.ExtensionType,
    public: ec.EllipticCurvePrivateKey = LEAF_KEY,
) -> x509.Certificate:
    """A certificate with these extensions and no others, as somebody might make it."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID.begin)
        .not_valid_after(VALID.end)
    )
    for each in extensions:
        builder = builder.add_extension(each, critical=True)
    return builder.sign(key, hashes.SHA256())


LAB, SUB, CLIENT_OF_SUB = (distinguished("lab", name) for name in (None, "sub", "client of sub"))
IS_AUTHORITY = x509.BasicConstraints(ca=True, path_length=None)
IS_NONE = x509.BasicConstraints(ca=False, path_length=None)
NOT_FOR_SIGNING = leaf("any", Role.CLIENT).extensions.get_extension_for_class(x509.KeyUsage).value
BARE_AUTHORITY = built(LAB, LAB, KEY, IS_AUTHORITY, public=KEY)
BARE_NON_AUTHORITY = built(LAB, LAB, KEY, IS_NONE, public=KEY)
SUB_AUTHORITY = built(SUB, LAB, KEY, IS_AUTHORITY, public=OTHER_KEY)
OF_SUB = built(CLIENT_OF_SUB, SUB, OTHER_KEY)


def constrained(permitted: str | None, excluded: str | None) -> x509.Certificate:
    """An authority that vouches for all of a laboratory, or of all but one."""
    names = x509.NameConstraints(
        [x509.DirectoryName(distinguished(permitted))] if permitted else None,
        [x509.DirectoryName(distinguished(excluded))] if excluded else None,
    )
    return built(LAB, LAB, KEY, IS_AUTHORITY, names, public=KEY)


DESK = leaf("desk", Role.CLIENT)
LAMP = leaf("lamp", Role.SERVER)


@cache
def self_signed(*options: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    more = ["-nodes", "-keyout", "-", "-subj", "/CN=openssl", *options]
    made = subprocess.run([*command, *more], check=True, capture_output=True).stdout
    key = read_key(made, "")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return read_certificates(made, "")[0], key


@cache
def of_trustme() -> tuple[x509.Certificate, list[x509.Certificate], ec.EllipticCurvePrivateKey]:
    """A certificate whose authority is signed by another, which only shows itself."""
    root = trustme.CA()
    middle = root.create_child_ca()
    made = middle.issue_cert("lamp.lab")
    chain = read_certificates(b"".join(blob.bytes() for blob in made.cert_chain_pems), "")
    key = read_key(made.private_key_pem.bytes(), "")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return read_certificates(root.cert_pem.bytes(), "")[0], chain, key


FOR_CLIENTS = ("-addext", "extendedKeyUsage=clientAuth")

SHOWN: dict[str, Callable[[], Shown]] = {
    "client": lambda: Shown([DESK], LEAF_KEY),
    "server": lambda: Shown([LAMP], LEAF_KEY),
    "both": lambda: Shown([leaf("relay", *EVERY_ROLE)], LEAF_KEY),
    "other case": lambda: Shown([leaf("DESK", *EVERY_ROLE)], LEAF_KEY),
    "longer name": lambda: Shown([leaf("desk-2", *EVERY_ROLE)], LEAF_KEY),
    "expired": lambda: Shown([leaf("desk", *EVERY_ROLE, period=PAST)], LEAF_KEY),
    "not yet": lambda: Shown([leaf("desk", *EVERY_ROLE, period=FUTURE)], LEAF_KEY),
    "forged": lambda: Shown([leaf("desk", *EVERY_ROLE, by=FORGED)], LEAF_KEY),
    "forged, with its authority": lambda: Shown(
        [leaf("desk", *EVERY_ROLE, by=FORGED), FORGED], LEAF_KEY
    ),
    "forged, without the number of a key": lambda: Shown([built(SUB, LAB, OTHER_KEY)], LEAF_KEY),
    "bare": lambda: Shown([built(SUB, LAB, KEY)], LEAF_KEY),
    "with the whole authority": lambda: Shown([DESK, AUTHORITY], LEAF_KEY),
    "signed by a client": lambda: Shown(
        [built(CLIENT_OF_SUB, DESK.subject, LEAF_KEY), DESK], LEAF_KEY
    ),
    "signed by another that was signed": lambda: Shown([OF_SUB, SUB_AUTHORITY], LEAF_KEY),
    "self-signed": lambda: Shown([self_signed()[0]], self_signed()[1]),
    "self-signed client": lambda: Shown(
        [self_signed(*FOR_CLIENTS)[0]], self_signed(*FOR_CLIENTS)[1]
    ),
    "signed twice": lambda: Shown(of_trustme()[1], of_trustme()[2]),
    "signed twice, shown alone": lambda: Shown(of_trustme()[1][:1], of_trustme()[2]),
}
TRUSTED: dict[str, Callable[[], list[x509.Certificate]]] = {
    "authority": lambda: [AUTHORITY],
    "list": lambda: [make_authority(KEY, "lab", VALID, only=["desk", "relay"])],
    "list of another": lambda: [make_authority(KEY, "lab", VALID, only=["ada"])],
    "revoked": lambda: [make_authority(KEY, "lab", VALID, without=["ada", "desk"])],
    "expired authority": lambda: [make_authority(KEY, "lab", PAST)],
    "the client itself": lambda: [DESK],
    "the client and its authority": lambda: [DESK, AUTHORITY],
    "self-signed ones": lambda: [self_signed()[0], self_signed(*FOR_CLIENTS)[0]],
    "the root": lambda: [of_trustme()[0]],
    "the one between": lambda: [of_trustme()[1][1]],
    "a bare authority": lambda: [BARE_AUTHORITY],
    "no authority": lambda: [BARE_NON_AUTHORITY],
    "all of the laboratory": lambda: [constrained("lab", None)],
    "all of another laboratory": lambda: [constrained("lab 2", None)],
    "none of the laboratory": lambda: [constrained(None, "lab")],
    "an authority that may not sign": lambda: [
        built(LAB, LAB, KEY, IS_AUTHORITY, NOT_FOR_SIGNING, public=KEY)
    ],
    "two authorities of one name": lambda: [FORGED, AUTHORITY],
    "two authorities": lambda: [of_trustme()[0], AUTHORITY],
}


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "original"])
@pytest.mark.parametrize("trusted", TRUSTED.values(), ids=TRUSTED)
@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_who_is_refused_is_what_openssl_says(
    tmp_path: Path,
    shown: Callable[[], Shown],
    trusted: Callable[[], list[x509.Certificate]],
    ours: bool,
) -> None:
    trust = Trust(trusted(), datetime.now(UTC), also_signed_by_others=ours)
    side = shown()
    for role in EVERY_ROLE:
        refusal = trust.why_refused(side.certificates, role)
        flags = OURS if ours else ORIGINAL
        truth = judge(tmp_path, trusted(), side.certificates, side.key, role, flags)
        assert (refusal is None) == (truth is None), (role, refusal, truth)


@pytest.mark.parametrize(
    ("shown", "trusted", "role", "kind"),
    [
        ("self-signed", "authority", Role.SERVER, "unknown"),
        ("signed twice, shown alone", "the root", Role.SERVER, "unknown"),
        ("client", "the client itself", Role.CLIENT, None),
        ("expired", "authority", Role.CLIENT, "times"),
        ("not yet", "authority", Role.CLIENT, "times"),
        ("forged, without the number of a key", "authority", Role.CLIENT, "signature"),
        ("signed by another that was signed", "authority", Role.CLIENT, "signature"),
        ("bare", "no authority", Role.CLIENT, "signature"),
        ("client", "authority", Role.SERVER, "role"),
        ("client", "revoked", Role.CLIENT, "revoked"),
        ("client", "list of another", Role.CLIENT, "list"),
    ],
)
def test_the_kind_of_a_refusal_is_told(
    shown: str, trusted: str, role: Role, kind: str | None
) -> None:
    refusal = Trust(TRUSTED[trusted](), NOW).why_refused(SHOWN[shown]().certificates, role)
    assert (refusal.kind if refusal else None) == kind


def test_two_lists_of_one_authority_in_a_file_are_found() -> None:
    one, other = (make_authority(KEY, "lab", VALID, only=[name]) for name in ("desk", "ada"))
    assert distinct_versions([one, other]) == "O=lab"
    assert distinct_versions([AUTHORITY, one]) == "O=lab"
    assert distinct_versions([one, make_authority(KEY, "lab", PAST, only=["desk"])]) is None
    assert distinct_versions([AUTHORITY, FORGED, DESK, LAMP]) is None
