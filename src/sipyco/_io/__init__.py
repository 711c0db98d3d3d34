"""How bytes move: sockets, TLS, event loops, threads, signals. What they mean is in ``_wire``."""
