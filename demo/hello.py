"""A controller whose device is the console that it was started from."""

import argparse

from sipyco.common_args import bind_address_from_args, simple_network_args
from sipyco.pc_rpc import simple_server_loop


class Hello:
    """The console of the controller."""

    def message(self, msg: str) -> None:
        """Write a line to the console.

        Args:
            msg: The line, any text.
        """
        print("message: " + msg, flush=True)


def get_argparser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(description="Hello world controller")
    simple_network_args(parser, 3249)
    return parser


def main() -> None:
    """Serve until Ctrl-C, SIGTERM or a client's request to terminate."""
    args = get_argparser().parse_args()
    simple_server_loop({"hello": Hello()}, bind_address_from_args(args), args.port)


if __name__ == "__main__":
    main()
