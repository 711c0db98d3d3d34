"""What is said when one side refuses the other, and advised: what fits the reason."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ndsp.certificates._pem import certificate_pem
from ndsp.certificates.laboratory import Laboratory, Role
from sipyco.pc_rpc import Client
from sipyco.tools import SimpleSSLConfig, TLSError
from tests.ndsp.certificates.handshakes import config_of
from tests.serving import served

PLACE_IN_THE_FILE = "put the certificate that it shows into the peer_cert file"

REVOKED = "it is revoked by, or not in the list of, the peer_cert file of "


def revoked(laboratory: Laboratory, name: str) -> Path:
    return laboratory.revoke(name).authority.file


def not_listed(laboratory: Laboratory, name: str) -> Path:
    other = "ada" if name != "ada" else "desk"
    listed = laboratory.directory / "listed.pem"
    listed.write_bytes(certificate_pem(laboratory.restricted([other])))
    return listed


def expired(laboratory: Laboratory, name: str) -> Path:
    laboratory.renew(name, days=1, now=datetime.now(UTC) - timedelta(days=5))
    return laboratory.authority.file


def not_yet_valid(laboratory: Laboratory, name: str) -> Path:
    laboratory.renew(name, now=datetime.now(UTC) + timedelta(days=5))
    return laboratory.authority.file


def for_another_use(laboratory: Laboratory, name: str) -> Path:
    other = Role.CLIENT if name == "lamp" else Role.SERVER
    laboratory.renew(name, [other])
    return laboratory.authority.file


Reason = Callable[[Laboratory, str], Path]

every_reason = pytest.mark.parametrize(
    ("reason", "advice"),
    [
        pytest.param(revoked, REVOKED, id="revoked"),
        pytest.param(not_listed, REVOKED, id="not listed"),
        pytest.param(expired, "has expired; ", id="expired"),
        pytest.param(not_yet_valid, "compare the clocks of both sides", id="not yet valid"),
        pytest.param(for_another_use, "it is for another use", id="another use"),
    ],
)


def connect(port: int, config: SimpleSSLConfig) -> None:
    Client("127.0.0.1", port, timeout=10, ssl_config=config).close_rpc()


@every_reason
def test_a_server_that_refuses_a_client_advises_what_helps(
    laboratory: Laboratory, caplog: pytest.LogCaptureFixture, reason: Reason, advice: str
) -> None:
    peer = reason(laboratory, "desk")
    with served({"lamp": object()}, config_of(laboratory, "lamp", peer)) as port:
        with pytest.raises((TLSError, ConnectionError)):
            connect(port, config_of(laboratory, "desk"))
        connect(port, config_of(laboratory, "ada"))
    (record,) = caplog.records
    told = record.getMessage()
    assert told.startswith("this server refuses client 127.0.0.1:")
    assert advice in told
    assert PLACE_IN_THE_FILE not in told


@every_reason
def test_a_client_that_refuses_a_server_advises_what_helps(
    laboratory: Laboratory, caplog: pytest.LogCaptureFixture, reason: Reason, advice: str
) -> None:
    peer = reason(laboratory, "lamp")
    with served({"lamp": object()}, config_of(laboratory, "lamp")) as port:
        # Twice, so that the server has logged the first by the end.
        for _ in range(2):
            with pytest.raises(TLSError, match="this client refuses server") as caught:
                connect(port, config_of(laboratory, "desk", peer))
            assert advice in str(caught.value)
            assert PLACE_IN_THE_FILE not in str(caught.value)
    logged = caplog.records[0].getMessage()
    assert "refuses this server" in logged
    assert advice in logged
    assert "put this side's" not in logged
