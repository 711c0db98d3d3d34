"""Recorded clients execute code on our server; our functions do on a recorded one."""

import asyncio
import functools

import pytest

from sipyco import pyon
from sipyco.pc_rpc import Client
from sipyco.remote_exec import RemoteExecServer
from tests.interop.test_rpc_transcripts import recorded_server, spoken_syntax
from tests.interop.transcripts import VERSIONS, Device, lines_of, same_answer
from tests.serving import served


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recorded_client_executes_code_on_our_server(version: str) -> None:
    sent = lines_of(version, "rexec", "client")
    recorded = lines_of(version, "rexec", "server")
    targets = {"dev": Device(), "aux": functools.partial(RemoteExecServer, {})}

    async def answers(port: int) -> list[str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write("".join(sent).encode())
        heard = [(await reader.readline()).decode() for _ in recorded]
        writer.close()
        await writer.wait_closed()
        return heard

    with served(targets, description="desc", builtin_terminate=True) as port:
        ours = asyncio.run(answers(port))
    for number, (our_line, their_line) in enumerate(zip(ours, recorded, strict=True)):
        syntax = spoken_syntax(sent[1]) if number else "json"
        assert same_answer(
            pyon.decode(our_line, syntax=syntax), pyon.decode(their_line, syntax=syntax)
        )


@pytest.mark.parametrize("version", VERSIONS)
def test_our_client_executes_code_on_a_recorded_server(version: str) -> None:
    with recorded_server(version, "rexec") as (host, port), Client(host, port, "aux") as rexec:
        rexec.add_code("def f(a,b=1): return a+b")
        assert rexec.call("f", 2, b=3) == 5
