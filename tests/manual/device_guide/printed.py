"""Programs, commands and entries of the guide to device packages, as printed, and their repairs.

Only comments are left out. A part that the guide adds to a program is put where the guide says.
"""

from tests.manual.listings import Listing, Repair

NO_MAIN = Repair(
    "nothing follows the last line, so `main` is not called",
    'if __name__ == "__main__":\n',
    'if __name__ == "__main__":\n    main()\n',
)

CONTROLLER = Listing(
    "the controller",
    """\
#!/usr/bin/env python3

from sipyco.pc_rpc import simple_server_loop

class Hello:
    def message(self, msg):
        print("message: " + msg)

def main():
    simple_server_loop({"hello": Hello()}, "::1", 3249)

if __name__ == "__main__":
""",
    (NO_MAIN,),
)

MAKE_EXECUTABLE = Listing(
    "making the controller executable",
    "chmod 755",
    (Repair("the name of the file is missing", "755", "755 aqctl_hello.py"),),
)

RUN_CONTROLLER = Listing(
    "running the controller",
    "./",
    (Repair("the name of the file is missing", "./", "./aqctl_hello.py"),),
)

LIST_TARGETS = Listing("listing the targets", "sipyco_rpctool ::1 3249 list-targets")

TARGETS = Listing("the targets", "Target(s):   hello\n")

LIST_METHODS = Listing("listing the methods", "sipyco_rpctool ::1 3249 list-methods")

CALL = Listing(
    "calling a method",
    "sipyco_rpctool ::1 3249 call message test",
    (
        Repair(
            "the argument is a Python expression, in which `test` is an unknown name",
            "test",
            "'\"test\"'",
        ),
    ),
)

CLIENT = Listing(
    "the client",
    """\
#!/usr/bin/env python3

from sipyco.pc_rpc import Client

def main():
    remote = Client("::1", 3249, "hello")
        remote.message("Hello World!")

if __name__ == "__main__":
""",
    (
        Repair("the call is indented too far", "        remote.message(", "    remote.message("),
        NO_MAIN,
    ),
)

RUN_CLIENT = Listing(
    "running the client",
    "./",
    (Repair("the name of the file is missing", "./", "./aqcli_hello.py"),),
)

MESSAGE = Listing("what the controller's terminal shows", "message: Hello World!\n")

CONTROLLER_WITH_OPTIONS = Listing(
    "the controller with options",
    """\
#!/usr/bin/env python3

from sipyco.pc_rpc import simple_server_loop
from sipyco.common_args import simple_network_args

class Hello:
    def message(self, msg):
        print("message: " + msg)

def get_argparser():
    parser = argparse.ArgumentParser(description="Hello world controller")
    simple_network_args(parser, 3249)
    return parser

def main():
    args = get_argparser().parse_args()
    simple_server_loop(Hello(), bind_address_from_args(args), args.port)

if __name__ == "__main__":
""",
    (
        Repair(
            "`argparse` is used and not imported",
            "from sipyco.pc_rpc import simple_server_loop\n",
            "import argparse\n\nfrom sipyco.pc_rpc import simple_server_loop\n",
        ),
        Repair(
            "`bind_address_from_args` is used and not imported",
            "import simple_network_args\n",
            "import bind_address_from_args, simple_network_args\n",
        ),
        NO_MAIN,
    ),
)

LOGGING = Listing(
    "the logging program",
    """\
import argparse
import logging

from sipyco.common_args import verbosity_args, init_logger_from_args

logger = logging.getLogger(__name__)

def get_argparser():
    parser = argparse.ArgumentParser(description="Logging example")
                        help="some argument")
    add_verbosity_args(parser)
    return parser

def main():
    args = get_argparser().parse_args()
    init_logger_from_args(args)

    logger.debug("this is a debug message")"this is an info message")
    logger.warning("this is a warning message")
    logger.error("this is an error message")
    logger.critical("this is a critical message")

if __name__ == "__main__":
""",
    (
        Repair(
            "the first line of the call that adds an option is missing",
            '                        help="some argument")\n',
            '    parser.add_argument("--some-argument",\n'
            '                        help="some argument")\n',
        ),
        Repair(
            "`add_verbosity_args` is called `verbosity_args`, as the import above it says",
            "add_verbosity_args(parser)",
            "verbosity_args(parser)",
        ),
        Repair(
            "`logger.info(` and the line break before it are missing",
            'debug message")"this is an info',
            'debug message")\n    logger.info("this is an info',
        ),
        NO_MAIN,
    ),
)

ENTRY = Listing(
    "the entry of the device database",
    """\
"hello": {
        "type": "controller",
        "host": "::1",
        "port": 3249,
        "command": "python /abs/path/to/ -p {port}"
""",
    (
        Repair("the name of the file is missing", "/abs/path/to/", "/abs/path/to/aqctl_hello.py"),
        Repair("the closing brace is missing", '{port}"\n', '{port}"\n}\n'),
    ),
)

ASK_FOR_DEVICE = Listing("asking for the device", 'self.setattr_device("hello")')

USE_DEVICE = Listing("using the device", 'self.hello.message("Hello world!")')

REMOTE_EXECUTION = Listing(
    "the controller with remote execution",
    CONTROLLER.repaired()
    .replace("sipyco.pc_rpc import", "sipyco.remote_exec import")
    .replace("simple_server_loop", "simple_rexec_server_loop"),
    (
        Repair(
            "the function to put in place of `simple_server_loop` takes name and object one by one",
            '{"hello": Hello()}',
            '"hello", Hello()',
        ),
    ),
)

LISTINGS = (
    CONTROLLER,
    MAKE_EXECUTABLE,
    RUN_CONTROLLER,
    LIST_TARGETS,
    TARGETS,
    LIST_METHODS,
    CALL,
    CLIENT,
    RUN_CLIENT,
    MESSAGE,
    CONTROLLER_WITH_OPTIONS,
    LOGGING,
    ENTRY,
    ASK_FOR_DEVICE,
    USE_DEVICE,
    REMOTE_EXECUTION,
)
"""All of them, in the order of the guide."""

PROGRAMS = (CONTROLLER, CLIENT, CONTROLLER_WITH_OPTIONS, LOGGING, REMOTE_EXECUTION)
"""Those that are programs."""
