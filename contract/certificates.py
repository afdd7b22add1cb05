"""Certificates between a client and its broker: the authority that the broker's is held against, and the client's own."""

from __future__ import annotations

import ssl
from pathlib import Path

from contract.yamlfile import ConfigError


def authority(ca_file: Path | None) -> ssl.SSLContext | None:
    """What believes certificates of the authority in a file alone; None without one.

    Raises:
        ConfigError: The file cannot be read, or holds no certificate.
    """
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise ConfigError(f"{ca_file}: expected certificates in PEM form") from error
    except OSError as error:
        raise ConfigError(f"{ca_file}: cannot be read: {error.strerror}") from error


def show(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    """Have a context show a certificate of its own to a broker that asks who the client is.

    Raises:
        ConfigError: A file cannot be read, holds something else, or the key is another certificate's.
    """
    for file in (cert_file, key_file):
        try:
            file.read_bytes()
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    try:
        context.load_cert_chain(cert_file, key_file, password=str)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(f"{cert_file}, {key_file}: expected a certificate and its key in PEM form, the key without a password") from error
