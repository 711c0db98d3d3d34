"""What is compared: the columns of the table."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PEERS = "benchmarks.rpc.peers."

LOOPS = ("uvloop", "asyncio")


@dataclass(frozen=True, eq=False)
class Column:
    """A peer, and how it is used.

    Attributes:
        title: What stands above the column.
        peer: The module that serves and calls.
        options: Keyword arguments of its functions.
        package: What has to be installed, by the name that is imported; None: nothing.
        kind: ``"floor"``; ``"bare"`` and ``"sipyco"``, which have further rows; or ``"other"``.
    """

    title: str
    peer: str
    options: Mapping[str, str] = field(default_factory=dict)
    package: str | None = None
    kind: str = "other"

    @property
    def loop(self) -> str | None:
        return self.options.get("loop")

    @property
    def wire(self) -> str | None:
        return self.options.get("wire")

    def is_installed(self) -> bool:
        return self.package is None or importlib.util.find_spec(self.package) is not None


FLOOR = Column("bare socket", f"{PEERS}bare", kind="floor")


def _package(loop: str) -> str | None:
    return "uvloop" if loop == "uvloop" else None


def all_columns(wires: Sequence[str]) -> list[Column]:
    """List what is compared, whether it is installed or not."""
    bare = [
        Column(f"bare {loop}", f"{PEERS}bare_asyncio", {"loop": loop}, _package(loop), "bare")
        for loop in reversed(LOOPS)
    ]
    ours = [
        Column(
            f"sipyco {wire}, {loop}",
            f"{PEERS}sipyco_",
            {"loop": loop, "wire": wire},
            _package(loop),
            "sipyco",
        )
        for wire in wires
        for loop in LOOPS
    ]
    others = [
        Column("Pyro5", f"{PEERS}pyro5_", package="Pyro5"),
        Column("RPyC", f"{PEERS}rpyc_", package="rpyc"),
        Column("zerorpc", f"{PEERS}zerorpc_", package="zerorpc"),
        Column("gRPC", f"{PEERS}grpc_", package="grpc"),
    ]
    return [FLOOR, *bare, *ours, *others]
