"""sync_struct and broadcast between two processes."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sipyco.tools import SimpleSSLConfig
from tests.certificates import Configs
from tests.rpc_servers import run
from tests.subscriptions import HOST, Copy
from tests.test_broadcast import Ear

PROGRAM = """
import asyncio, sys
from sipyco.broadcast import Broadcaster
from sipyco.sync_struct import Notifier, Publisher
from sipyco.tools import SimpleSSLConfig

async def main():
    ssl_config = SimpleSSLConfig(*sys.argv[1:]) if sys.argv[1:] else None
    notifier = Notifier({"count": 0, "history": []})
    publisher, broadcaster = Publisher({"data": notifier}), Broadcaster()
    for server in (publisher, broadcaster):
        await server.start("127.0.0.1", 0, ssl_config)
        print(server.server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        notifier["count"] += 1
        notifier["history"].append((notifier["count"].raw_view, "x" * 100_000))
        broadcaster.broadcast("channel", notifier["count"].raw_view)
    await broadcaster.stop()
    await publisher.stop()

asyncio.run(main())
"""


@asynccontextmanager
async def other_process(
    config: SimpleSSLConfig | None,
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int, int]]:
    files = [config.local_cert, config.local_key, config.peer_cert] if config else []
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", PROGRAM, *map(str, files)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        ports = [int(await process.stdout.readline()) for _ in range(2)]
        yield process, ports[0], ports[1]
    finally:
        process.stdin.close()
        _, errors = await process.communicate()
        assert (process.returncode, errors) == (0, b"")


def test_another_process_is_followed(configs: Configs) -> None:
    server_config, client_config = configs

    async def main() -> None:
        async with other_process(server_config) as (process, publisher_port, broadcaster_port):
            one, ear = Copy(), Ear()
            await one.connect(publisher_port, ssl_config=client_config)
            await ear.receiver.connect(HOST, broadcaster_port, client_config)
            await one.until_told(1)
            assert one.target == {"count": 0, "history": []}
            assert process.stdin is not None
            # Nothing tells when the other process knows of the receiver: speak until it hears.
            told = 1
            while not ear.heard:
                told += 2
                process.stdin.write(b"go on\n")
                await one.until_told(told)
            expected = told // 2
            assert one.target["count"] == expected
            assert one.target["history"][-1] == (expected, "x" * 100_000)
            await ear.until(lambda: ear.heard[-1] == expected)
            process.stdin.close()
            await one.until_disconnected(1)
            await ear.until(lambda: ear.disconnections == 1)

    run(main())
