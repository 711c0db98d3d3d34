"""The device database: which devices a laboratory has, and how each of them is reached.

:func:`read_device_db` executes a file ``device_db.py`` as ARTIQ has it, :func:`ask_master` and
:func:`follow_master` get the database of a running ARTIQ master, and :func:`parse_device_db` takes
the dict itself. Each gives a :class:`DeviceDB`, whose entries have types and whose ``problems``
name what is wrong. Nothing is opened here: that is ``ndsp.devices``.
"""

from ndsp.device_db._check import DeviceDBError, Problem
from ndsp.device_db._database import DeviceDB
from ndsp.device_db._entries import Alias, AuxiliaryTarget, Controller, Dummy, Entry, Local
from ndsp.device_db._file import read_device_db
from ndsp.device_db._hosts import machine
from ndsp.device_db._master import ask_master, follow_master
from ndsp.device_db._parse import parse_device_db

__all__ = [
    "Alias",
    "AuxiliaryTarget",
    "Controller",
    "DeviceDB",
    "DeviceDBError",
    "Dummy",
    "Entry",
    "Local",
    "Problem",
    "ask_master",
    "follow_master",
    "machine",
    "parse_device_db",
    "read_device_db",
]
