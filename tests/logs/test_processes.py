"""Forwarding between real programs, one of which is killed, over TCP and over TLS."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process

from sipyco.logs import LogForwarder
from sipyco.tools import SimpleSSLConfig
from tests.certificates import Configs
from tests.logs.support import collected, record

COLLECTOR = """
import asyncio, logging, sys
from sipyco.logs import Server
from sipyco.tools import SimpleSSLConfig

logging.basicConfig(format="%(source)s %(message)s", level=logging.INFO, stream=sys.stdout)

async def main():
    server = Server()
    ssl_config = SimpleSSLConfig(*sys.argv[2:]) if sys.argv[2:] else None
    await server.start("127.0.0.1", int(sys.argv[1]), ssl_config)
    print("port", server.server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

CONTROLLER = """
import asyncio, logging, sys
from sipyco.logs import LogForwarder, SourceFilter
from sipyco.tools import SimpleSSLConfig

async def main():
    ssl_config = SimpleSSLConfig(*sys.argv[2:]) if sys.argv[2:] else None
    forwarder = LogForwarder("127.0.0.1", int(sys.argv[1]), ssl_config=ssl_config)
    forwarder.addFilter(SourceFilter(logging.INFO, "lda"))
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger().addHandler(forwarder)
    forwarder.start()
    logging.getLogger("driver").info("ready")
    logging.getLogger("driver").debug("not this")
    await forwarder.stop()

asyncio.run(main())
"""


async def start(program: str, port: int, config: SimpleSSLConfig | None) -> Process:
    files = [config.local_cert, config.local_key, config.peer_cert] if config else []
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(port), *map(str, files), stdout=PIPE
    )


async def start_collector(config: SimpleSSLConfig | None, port: int = 0) -> tuple[Process, int]:
    process = await start(COLLECTOR, port, config)
    assert process.stdout is not None
    return process, int((await process.stdout.readline()).split()[1])


async def rest_of(process: Process) -> list[str]:
    if process.returncode is None:
        process.kill()
    output, _ = await process.communicate()
    return output.decode().splitlines()


def test_a_program_that_ends_at_once_is_heard_to_the_end(configs: Configs) -> None:
    async def main() -> None:
        collector, port = await start_collector(configs[0])
        controller = await start(CONTROLLER, port, configs[1])
        assert await controller.wait() == 0
        assert await rest_of(collector) == ["lda ready"]

    asyncio.run(main())


def test_a_collector_that_is_killed_and_started_again_misses_nothing(configs: Configs) -> None:
    total = 3000

    async def main() -> None:
        collector, port = await start_collector(configs[0])
        forwarder = LogForwarder("127.0.0.1", port, 0.01, 0, configs[1])
        forwarder.start()
        for number in range(total):
            forwarder.emit(record(str(number)))
            if number == total // 3:
                assert collector.stdout is not None
                await collector.stdout.readline()  # it is in the middle of the work
                collector.kill()
            if number % 100 == 0:
                await asyncio.sleep(0)
        seen = {"src 0", *await rest_of(collector)}
        collector, port = await start_collector(configs[0], port)
        await forwarder.stop()
        seen |= {*await rest_of(collector)}
        assert {f"src {number}" for number in range(total)} <= seen

    with collected("sipyco.logs"):
        asyncio.run(main())
