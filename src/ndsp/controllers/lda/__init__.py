"""A controller of a digital attenuator on a TCP socket."""
