"""Frames in TLS."""

from typing import Any

import numpy as np

from tests.certificates import Certificates
from tests.pc_rpc.frames_device import collect, device_of, of_client, with_options
from tests.rpc_clients import Kind, every_kind


@every_kind
def test_everything_goes_through_tls_and_methods_know_the_certificate(
    kind: Kind, certificates: Certificates
) -> None:
    server = certificates.config("server", "signed_client")
    device, serving = device_of(kind, ssl_config=server)
    client_config = certificates.config("signed_client", "server")
    told: list[Any] = []
    image = np.arange(4 << 20, dtype=np.uint16).reshape(2048, -1)
    with serving as port, kind.open(port, ssl_config=client_config) as client:
        address, certificate, _ = client.call("who")
        assert address.startswith("127.0.0.1:")
        assert "organizationName=trustme" in certificate
        returned = client.call("echo", image)
        assert np.array_equal(returned, image)
        assert returned.flags.writeable
        assert returned.flags.owndata
        assert collect(client, "count", 10) == list(range(10))
        with_options(client, {"on_progress": lambda *report: told.append(report)}, "report")
        assert told[-1] == (1.0, "step 4")
        assert of_client(client, "ping_rpc") is True
    assert device.steps[-1] == "count closed"
