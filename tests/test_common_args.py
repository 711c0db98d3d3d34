import argparse
import logging
import subprocess
import sys

import pytest

from sipyco.common_args import (
    bind_address_from_args,
    init_logger_from_args,
    simple_network_args,
    verbosity_args,
)

TWO_PORTS = [("control", "RPC", 3251), ("notify", "notifications", 3250)]


def network(*argv: str, ssl: bool = False) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    simple_network_args(parser, 3249, ssl)
    return parser.parse_args(argv)


@pytest.mark.parametrize(
    ("argv", "level"),
    [
        ([], logging.WARNING),
        (["-v"], logging.INFO),
        (["-vv"], logging.DEBUG),
        (["--verbose", "-vvv"], logging.DEBUG),
        (["-q"], logging.ERROR),
        (["-qq"], logging.CRITICAL),
        (["--quiet", "-qqq"], logging.CRITICAL),
        (["-v", "-q"], logging.WARNING),
    ],
)
def test_v_and_q_move_the_level_of_the_root_logger(
    argv: list[str], level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.RootLogger(logging.NOTSET)
    monkeypatch.setattr(logging, "root", root)
    monkeypatch.setattr(logging, "getLogger", lambda: root)
    parser = argparse.ArgumentParser()
    verbosity_args(parser)
    init_logger_from_args(parser.parse_args(argv))
    init_logger_from_args(parser.parse_args(argv))
    assert root.level == level
    assert len(root.handlers) == 1


def test_the_log_goes_to_standard_error() -> None:
    program = (
        "import argparse, logging; from sipyco.common_args import *\n"
        "p = argparse.ArgumentParser(); verbosity_args(p)\n"
        "init_logger_from_args(p.parse_args(['-v'])); logging.info('moved')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "INFO:root:moved\n")


@pytest.mark.parametrize(
    ("argv", "addresses"),
    [
        ([], ["127.0.0.1", "::1"]),
        (["--bind", "10.0.0.7"], ["127.0.0.1", "::1", "10.0.0.7"]),
        (["--bind", "a", "--bind", "b"], ["127.0.0.1", "::1", "a", "b"]),
        (["--bind", "::1", "--bind", "::1"], ["127.0.0.1", "::1"]),
        (["--no-localhost-bind", "--bind", "10.0.0.7"], ["10.0.0.7"]),
        (["--no-bind-localhost", "--bind", "10.0.0.7"], ["10.0.0.7"]),
        (["--no-bind-localhost"], []),
        (["--bind", "*", "--bind", "10.0.0.7"], ["*"]),
        (["--bind", "0.0.0.0"], ["::1", "0.0.0.0"]),
        (["--bind", "::"], ["127.0.0.1", "::"]),
        (["--no-bind-localhost", "--bind", "*"], ["*"]),
    ],
)
def test_addresses_to_listen_on(argv: list[str], addresses: list[str]) -> None:
    assert bind_address_from_args(network(*argv)) == addresses


@pytest.mark.parametrize("argv", [["-p", "4000"], ["--port", "4000"], ["--port=4000"]])
def test_the_port_is_a_number(argv: list[str]) -> None:
    assert network(*argv).port == 4000


@pytest.mark.parametrize("port", ["0", "65535"])
def test_every_port_that_exists_is_taken(port: str) -> None:
    assert network("-p", port).port == int(port)


@pytest.mark.parametrize("port", ["65536", "http", "", "32.5", "1_000", "٣", "--port=-1"])
def test_what_is_no_port_is_refused_with_the_range(
    port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        network(*([port] if port.startswith("--") else ["--port", port]))
    printed = capsys.readouterr().err
    assert f"argument -p/--port: {port.removeprefix('--port=')!r} is not a TCP port" in printed
    assert "1 to 65535" in printed


def test_a_server_with_several_ports_has_an_option_for_each() -> None:
    parser = argparse.ArgumentParser()
    simple_network_args(parser, TWO_PORTS)
    args = parser.parse_args(["--port-notify", "4000"])
    assert (args.port_control, args.port_notify) == (3251, 4000)
    assert not hasattr(args, "port")
    assert "TCP port for notifications (default: 3250)" in parser.format_help()


def test_a_default_port_that_is_a_string_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="the default port is the string '3249'; give a number"):
        simple_network_args(argparse.ArgumentParser(), "3249")  # type: ignore[arg-type]  # the point


def test_certificates_are_an_option_where_the_program_asks_for_it() -> None:
    assert network("--ssl", "a", "b", "c", ssl=True).ssl == ["a", "b", "c"]
    assert network(ssl=True).ssl is None
    assert not hasattr(network(), "ssl")


def test_the_help_says_what_happens_without_the_option() -> None:
    parser = argparse.ArgumentParser()
    simple_network_args(parser, 3249)
    told = " ".join(parser.format_help().split())
    assert "do not listen on 127.0.0.1 and ::1, as it otherwise does" in told


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_address_does_not_mean_all_interfaces(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    simple_network_args(parser, 3249)
    with pytest.raises(SystemExit):
        parser.parse_args(["--bind", text])
    assert "is no address; give a host name or an IP address" in capsys.readouterr().err
