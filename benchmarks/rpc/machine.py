"""Where and when it was measured, and with what."""

import datetime as dt
import os
import platform
from importlib import metadata
from pathlib import Path

PACKAGES = ("sipyco", "numpy", "uvloop", "Pyro5", "rpyc", "zerorpc", "grpcio")


def facts() -> dict[str, str]:
    """List what figures depend on, in words."""
    return {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{_processor()}, {len(_cores())} cores, {platform.platform()}",
        "versions": ", ".join([f"Python {platform.python_version()}", *_versions()]),
    }


def load() -> str | None:
    """Tell how many processes have wanted to run during the last minute, where that is known."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else None


def _cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions() -> list[str]:
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return versions
