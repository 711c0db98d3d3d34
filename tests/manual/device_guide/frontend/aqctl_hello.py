"""The controller of a package that keeps the guidelines, in the form that the guide uses."""

import argparse
import logging
from pathlib import Path

from sipyco.common_args import (
    bind_address_from_args,
    init_logger_from_args,
    simple_network_args,
    verbosity_args,
)
from sipyco.pc_rpc import simple_server_loop
from tests.manual.device_guide.devices.hello.driver import Hello

logger = logging.getLogger(__name__)


def get_argparser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Hello world controller")
    device = parser.add_mutually_exclusive_group(required=True)
    device.add_argument("-d", "--device", type=Path, help="file to write messages to")
    device.add_argument("--simulation", action="store_true", help="show messages here instead")
    simple_network_args(parser, 3249)
    verbosity_args(parser)
    return parser


def main() -> None:
    args = get_argparser().parse_args()
    init_logger_from_args(args)
    hello = Hello(None if args.simulation else args.device)
    try:
        logger.info("opened %s", "the simulation" if args.simulation else args.device)
        simple_server_loop({"hello": hello}, bind_address_from_args(args), args.port)
    finally:
        hello.close()


if __name__ == "__main__":
    main()
