"""The client that the guide asks for and does not print: server, port and message are options."""

import argparse

from sipyco.common_args import tcp_port
from sipyco.pc_rpc import Client


def get_argparser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="show a message on the console of a controller")
    parser.add_argument("-s", "--server", default="::1", help="host of the controller")
    parser.add_argument("-p", "--port", type=tcp_port, default=3249, help="its TCP port")
    parser.add_argument("message", help="what to show")
    return parser


def main() -> None:
    args = get_argparser().parse_args()
    with Client(args.server, args.port, "hello") as remote:
        remote.message(args.message)


if __name__ == "__main__":
    main()
