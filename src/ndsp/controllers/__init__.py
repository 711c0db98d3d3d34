"""Complete controllers, to run and to learn from: hello, lda, scpi_psu and camera.

Each is a package of four files: ``driver.py`` (what is called over the network), ``simulation.py``
(the instrument, for those who have none), ``controller.py`` (the program) and ``README.md``.
"""

__all__: list[str] = []
