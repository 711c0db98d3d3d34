"""The toolkit that turns a driver class into a network device, on top of ``sipyco``."""

__all__: list[str] = []
