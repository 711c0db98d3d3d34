"""Fixtures that tests of several directories use."""

from tests.certificates import certificates

__all__ = ["certificates"]
