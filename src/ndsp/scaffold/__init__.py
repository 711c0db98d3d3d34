"""A device support package of one's own, written by ``ndsp new``: complete, tested, to be changed.

:func:`package_files` gives its files, :func:`write_package` writes them, all or none. What they
say is in ``templates``; :func:`package_name` tells which names can be given.
"""

from ndsp.scaffold._name import package_name
from ndsp.scaffold._package import Package, package_files
from ndsp.scaffold._write import write_package

__all__ = ["Package", "package_files", "package_name", "write_package"]
