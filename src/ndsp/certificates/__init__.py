"""Certificates for a laboratory: made, renewed, revoked and examined; ``ndsp certs`` on top.

What programs use is in `ndsp.certificates.laboratory` and `ndsp.certificates.doctor`. Nothing is
imported here, since the command line imports this package before anybody wants a certificate.
"""

__all__: list[str] = []
