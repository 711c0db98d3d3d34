import pytest

from ndsp.device_db import machine


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("::1", "localhost"),
        ("127.0.0.1", "::1"),
        ("127.0.0.1", "LocalHost."),
        ("0:0:0:0:0:0:0:1", "127.0.0.1"),
        ("Lab7.example.org", "lab7.example.org."),
        ("10.0.0.7", "::ffff:10.0.0.7"),
        ("fe80::1", "FE80:0::1"),
    ],
)
def test_spellings_of_one_machine_are_one(one: str, other: str) -> None:
    assert machine(one) == machine(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("::1", "10.0.0.7"),
        ("127.0.0.1", "127.0.0.2"),
        ("lab7", "lab8"),
        ("lab7", "lab7.example.org"),
        ("no such machine", "::1"),
    ],
)
def test_different_machines_are_two(one: str, other: str) -> None:
    assert machine(one) != machine(other)
