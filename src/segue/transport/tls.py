"""Whom the transports trust."""

from __future__ import annotations

import ssl

import certifi

from segue.errors import ConfigurationError


def tls_context(file: str | None, directory: str | None) -> ssl.SSLContext:
    """Trusts what `file` and `directory` hold; without either, the system's authorities, and certifi's where it has none.

    Making one takes some 20 ms: keep it. Raises `ConfigurationError` if `file` holds no certificates.
    """
    try:
        context = ssl.create_default_context(cafile=file, capath=directory)
    except OSError as exc:
        raise ConfigurationError(
            f"SSL_CERT_FILE={file} holds no certificates: use a PEM file of the authorities to trust (in the environment)"
        ) from exc
    if not (file or directory or context.cert_store_stats()["x509_ca"]):
        context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context
