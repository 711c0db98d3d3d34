"""Simple Python Communications: use objects of one Python program from another.

How the house is laid out, from the ground up; imports only ever point down:

* ``pyon``: the data format, one model in several spellings.
* ``_wire``: what the bytes mean. Pure: no socket, clock, thread, log or file.
* ``_io``: how bytes move. Sockets, TLS, event loops, signals.
* ``pc_rpc`` and its neighbours: what users call.
"""

__all__ = ["__version__"]

__version__ = "2.0.0a1"
