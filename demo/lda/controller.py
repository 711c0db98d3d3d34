"""The controller of the attenuator: options, driver, server."""

import argparse
import contextlib
import logging

from demo.lda.driver import Lda
from demo.lda.simulation import Simulation
from sipyco.common_args import (
    bind_address_from_args,
    init_logger_from_args,
    simple_network_args,
    tcp_port,
    verbosity_args,
)
from sipyco.pc_rpc import simple_server_loop

logger = logging.getLogger(__name__)


def get_argparser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(description="controller of a digital attenuator")
    simple_network_args(parser, 3253)
    device = parser.add_mutually_exclusive_group(required=True)
    device.add_argument("-d", "--device", metavar="HOST:PORT", type=_address, help="instrument")
    device.add_argument("--simulation", action="store_true", help="simulate the instrument")
    verbosity_args(parser)
    return parser


def main() -> None:
    """Serve until Ctrl-C, SIGTERM or a client's request to terminate."""
    args = get_argparser().parse_args()
    init_logger_from_args(args)
    with contextlib.ExitStack() as stack:
        if args.simulation:
            simulation = stack.enter_context(Simulation())
            host, port = simulation.host, simulation.port
        else:
            host, port = args.device
        lda = Lda(host, port)
        try:
            logger.info("connected to the attenuator on %s port %d", host, port)
            simple_server_loop({"lda": lda}, bind_address_from_args(args), args.port)
        finally:
            lda.close()


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not host or not colon:
        msg = f"{text!r} is not HOST:PORT; write for example 192.168.1.20:5025"
        raise argparse.ArgumentTypeError(msg)
    return host.strip("[]"), tcp_port(port)


if __name__ == "__main__":
    main()
