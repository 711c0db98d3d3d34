import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import trustme

from sipyco.sipyco_rpctool import get_argparser, main
from sipyco.tools import SimpleSSLConfig
from tests._rpctool.answers import ESCAPES, SEEN_ESCAPES, answering, method_list, returned
from tests._rpctool.devices import Device
from tests.serving import served

HOST = "127.0.0.1"

Output = pytest.CaptureFixture[str]


def document(capsys: Output) -> Any:
    return json.loads(capsys.readouterr().out)


def test_list_targets(device: str, two_targets: str, capsys: Output) -> None:
    assert main([HOST, device, "list-targets"]) == 0
    assert main([HOST, two_targets, "list-targets"]) == 0
    printed = "Target(s):   dev\nTarget(s):   aux, dev\nDescription: two of them\n"
    assert capsys.readouterr() == (printed, "")


def test_list_methods(device: str, capsys: Output) -> None:
    assert main([HOST, device, "list-methods"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("A device for tests.\n\nIt does what it is told.\n\nbreak_down()")
    assert "\necho(value: Any = None, *rest: Any, unit: str = 'V') -> Any\n    Give the" in printed


def test_call_prints_the_result_unless_it_is_none(device: str, capsys: Output) -> None:
    assert main([HOST, device, "call", "echo", "5.0"]) == 0
    assert main([HOST, device, "call", "-t", "dev", "echo", "1", "-2", "unit='A'"]) == 0
    assert main([HOST, device, "call", "nothing"]) == 0
    assert capsys.readouterr() == ("5.0\n(1, -2, 'A')\n", "")


def test_a_target_must_be_chosen_only_where_there_are_several(
    two_targets: str, capsys: Output
) -> None:
    assert main([HOST, two_targets, "call", "hi"]) == 2
    assert "the server has 2 targets: aux, dev; choose with -t" in capsys.readouterr().err
    assert main([HOST, two_targets, "call", "-t", "aux", "hi"]) == 0
    assert main([HOST, two_targets, "-t", "aux", "call", "hi"]) == 0
    assert capsys.readouterr().out == "'hello'\n" * 2


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["call", "-t", "nope", "echo"], 2, "no target 'nope' on 127.0.0.1 port"),
        (["call", "eho"], 2, "no method 'eho'; did you mean 'echo'?"),
        (["call", "close_rpc"], 2, "'close_rpc' belongs to the client itself"),
        (["call", "echo", "word"], 2, "a string needs quotes of its own: '\"word\"'"),
        (["call", "echo", "print"], 2, "the arguments of 'echo' cannot be sent"),
        (["call", "fail"], 1, "sipyco_rpctool: ValueError: no such channel"),
        (["call", "break_down"], 1, "DeviceError: smoke"),
        (["call", "fail", "1"], 1, "TypeError: "),
        (["--ssl", "a", "b", "c", "call", "echo"], 2, "'a'"),
    ],
)
def test_failures_have_a_status_and_one_line(
    device: str, capsys: Output, arguments: list[str], status: int, complaint: str
) -> None:
    assert main([HOST, device, *arguments]) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert complaint in printed.err
    assert printed.err.count("\n") == 1


def test_the_remote_traceback_is_shown_on_request(device: str, capsys: Output) -> None:
    assert main([HOST, device, "call", "-v", "fail"]) == 1
    printed = capsys.readouterr().err
    assert "devices.py" in printed
    assert "in fail" in printed
    assert printed.endswith("sipyco_rpctool: ValueError: no such channel\n")


def test_a_port_where_nothing_listens(capsys: Output) -> None:
    with socket.create_server((HOST, 0)) as unused:
        port = unused.getsockname()[1]
    assert main([HOST, str(port), "list-targets"]) == 1
    assert f"{HOST}:{port}" in capsys.readouterr().err


def test_a_host_that_does_not_exist(capsys: Output) -> None:
    assert main(["host.invalid", "3249", "list-targets"]) == 1
    assert "host.invalid" in capsys.readouterr().err


def test_a_server_that_says_nothing_is_given_up(capsys: Output) -> None:
    with socket.create_server((HOST, 0)) as deaf:
        port = str(deaf.getsockname()[1])
        assert main([HOST, port, "--timeout", "0.05", "--json", "list-targets"]) == 1
    assert document(capsys)["error"]["kind"] == "timeout"


def test_the_help_tells_what_a_timeout_does_not_limit(capsys: Output) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "tells of its progress, and each item, ends a wait: no limit of the call" in told


def test_something_else_than_a_pc_rpc_server(capsys: Output) -> None:
    def greet(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"220 mail.example.org ESMTP\r\n")
            connection.recv(1)

    with socket.create_server((HOST, 0)) as other:
        greeter = threading.Thread(target=greet, args=(other,))
        greeter.start()
        assert main([HOST, str(other.getsockname()[1]), "list-targets"]) == 1
        greeter.join()
    assert "is no pc_rpc server" in capsys.readouterr().err


UNREADABLE = [
    '{"status": "ok", "ret": {"__jsonclass__": ["Unregistered", [1]]}}',
    '{"status": "perhaps"}',
    "garbage",
]


@pytest.mark.parametrize("answer", UNREADABLE)
def test_an_answer_that_cannot_be_read_does_not_pass_for_a_call_that_was_not_made(
    answer: str, capsys: Output
) -> None:
    with answering(answer) as (port, requests):
        assert main([HOST, port, "--json", "call", "move", "1"]) == 1
    assert b'"move"' in requests[-1]
    error = document(capsys)["error"]
    assert error["kind"] == "protocol"
    assert error["message"].startswith("'move' was called, but its answer cannot be read: ")


@pytest.mark.parametrize("argument", ["print", "[[print]]", "x=print", "10**5000"])
def test_arguments_that_cannot_be_sent_are_not_sent(argument: str, capsys: Output) -> None:
    with answering() as (port, requests):
        assert main([HOST, port, "call", "move", argument]) == 2
    assert len(requests) == 2
    assert "the arguments of 'move' cannot be sent: cannot encode " in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer",
    [
        *UNREADABLE,
        returned(5),
        returned({"methods": {}}),
        returned({"docstring": 5, "methods": {}}),
        returned({"docstring": None, "methods": [1]}),
        returned({"docstring": None, "methods": {"move": None}}),
        returned({"docstring": None, "methods": {"move": [{}, None]}}),
        returned(method_list(docstring=5)),
        returned(method_list(args=[5])),
        returned(method_list(args="self")),
        returned(method_list(defaults=[1, 2, 3])),
        returned(method_list(defaults=5)),
        returned(method_list(varargs=5)),
        returned(method_list(kwonlyargs=5)),
        returned(method_list(kwonlydefaults=5)),
        returned(method_list(annotations=[1])),
    ],
)
@pytest.mark.parametrize("action", ["list-methods", "interactive"])
def test_what_is_no_list_of_methods_is_refused_in_one_line(
    answer: str, action: str, capsys: Output
) -> None:
    with answering(answer) as (port, _):
        assert main([HOST, port, action]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("sipyco_rpctool: the server ")
    assert printed.err.count("\n") == 1


def test_a_list_of_methods_may_say_more_than_is_known(capsys: Output) -> None:
    with answering(returned(method_list(posonlyargs=[], kwonlydefaults=[]))) as (port, _):
        assert main([HOST, port, "list-methods"]) == 0
    assert capsys.readouterr().out == "move()\n"


@pytest.mark.parametrize(
    "described",
    [
        method_list(name=ESCAPES),
        method_list(docstring=ESCAPES),
        method_list(args=[ESCAPES]),
        method_list(annotations={"return": ESCAPES}),
    ],
    ids=["name", "docstring", "argument", "annotation"],
)
def test_a_list_of_methods_cannot_command_the_terminal(
    described: dict[str, Any], capsys: Output
) -> None:
    with answering(returned(described)) as (port, _):
        assert main([HOST, port, "list-methods"]) == 0
    printed = capsys.readouterr().out
    assert SEEN_ESCAPES in printed
    assert printed.replace("\n", "").isprintable()


def test_names_and_descriptions_cannot_command_the_terminal(capsys: Output) -> None:
    with answering(target=ESCAPES, description=f"one\n{ESCAPES}") as (port, _):
        assert main([HOST, port, "list-targets"]) == 0
    printed = capsys.readouterr().out
    assert printed == f"Target(s):   {SEEN_ESCAPES}\nDescription: one\n{SEEN_ESCAPES}\n"


def test_an_exception_cannot_command_the_terminal(capsys: Output) -> None:
    exception = {"class": "ValueError", "message": ESCAPES, "traceback": [f"  {ESCAPES}\n"]}
    with answering(json.dumps({"status": "failed", "exception": exception})) as (port, _):
        assert main([HOST, port, "call", "-v", "move"]) == 1
    expected = f"  {SEEN_ESCAPES}\nsipyco_rpctool: ValueError: {SEEN_ESCAPES}\n"
    assert capsys.readouterr().err == expected


def test_json_documents(device: str, two_targets: str, capsys: Output) -> None:
    assert main([HOST, two_targets, "--json", "list-targets"]) == 0
    assert document(capsys) == {"targets": ["aux", "dev"], "description": "two of them"}
    assert main([HOST, device, "list-methods", "--json"]) == 0
    listed = document(capsys)
    assert listed["target"] == "dev"
    assert listed["methods"]["nothing"]["signature"] == "() -> None"
    assert main([HOST, device, "call", "--json", "image"]) == 0
    assert document(capsys) == {"result": [[0, 1], [2, 3]]}
    assert main([HOST, device, "--json", "call", "nothing"]) == 0
    assert document(capsys) == {"result": None}


def test_errors_are_json_documents_too(device: str, capsys: Output) -> None:
    assert main([HOST, device, "--json", "call", "fail"]) == 1
    error = document(capsys)["error"]
    assert (error["kind"], error["message"]) == ("remote", "ValueError: no such channel")
    assert "in fail" in "".join(error["traceback"])
    assert main([HOST, device, "--json", "call", "echo", "word"]) == 2
    assert document(capsys)["error"]["kind"] == "arguments"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "SERVER, PORT"),
        ([HOST, "http"], "'http' is not a TCP port"),
        ([HOST, "3249", "dance"], "invalid choice: 'dance'"),
        ([HOST, "3249", "--timeout", "0", "list-targets"], "give a positive number of seconds"),
        ([HOST, "3249", "--timeout", "soon", "list-targets"], "'soon' is not a time"),
        ([HOST, "3249", "--json"], "--json makes one document"),
    ],
)
def test_wrong_usage_ends_with_two(arguments: list[str], complaint: str, capsys: Output) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert complaint in capsys.readouterr().err


def test_help_shows_how_to_call() -> None:
    text = get_argparser().format_help()
    assert "sipyco_rpctool ::1 3253 call -t lda set_attenuation" in text
    assert "exit status: 0 done" in text


def test_a_reader_that_has_seen_enough_gets_no_traceback(device: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "sipyco.sipyco_rpctool", HOST, device, "list-methods"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as tool:
        assert tool.stdout
        assert tool.stderr
        tool.stdout.close()
        assert tool.stderr.read() == ""
    assert tool.returncode == 0


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, str]:
    files = {}
    for name in ("server", "client", "stranger"):
        issued = trustme.CA().issue_cert(f"{name}.example.org")
        for kind, pem in (("cert", issued.cert_chain_pems[0]), ("key", issued.private_key_pem)):
            files[f"{name}_{kind}"] = str(tmp_path / f"{name}.{kind}")
            pem.write_to_path(files[f"{name}_{kind}"])
    return files


def test_encrypted_calls_with_the_right_certificates_only(
    certificates: dict[str, str], capsys: Output
) -> None:
    c = certificates
    config = SimpleSSLConfig(c["server_cert"], c["server_key"], c["client_cert"])
    with served({"dev": Device()}, config) as port:
        call = [HOST, str(port), "call", "echo", "1"]
        known = ["--ssl", c["client_cert"], c["client_key"], c["server_cert"]]
        assert main([*known, *call]) == 0
        assert capsys.readouterr() == ("1\n", "")
        stranger = ["--ssl", c["stranger_cert"], c["stranger_key"], c["server_cert"]]
        assert main([*stranger, *call]) == 1
        assert "certificate" in capsys.readouterr().err
        other_server = ["--ssl", c["client_cert"], c["client_key"], c["stranger_cert"]]
        assert main([*other_server, "--json", *call]) == 1
        assert document(capsys)["error"]["kind"] == "tls"
