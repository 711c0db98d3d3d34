"""Copies of a changing structure in other programs, kept equal to it.

One program owns the structure and changes it through a :class:`Notifier`; its :class:`Publisher`
sends it, and then every change (*mod*), to the :class:`Subscriber` of any number of others.
"""

from sipyco._wire.mods import ModAction, process_mod
from sipyco.sync_struct._notifier import Notifier
from sipyco.sync_struct._publisher import Publisher
from sipyco.sync_struct._subscriber import Subscriber
from sipyco.sync_struct._update import update_from_dict

__all__ = ["ModAction", "Notifier", "Publisher", "Subscriber", "process_mod", "update_from_dict"]
