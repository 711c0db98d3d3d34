"""The error of everything here that is no error of the file system."""

__all__ = ["CertificateError"]


class CertificateError(ValueError):
    """Something about certificates is not as it should be; one line says what would be right."""
