"""The authority that a broker's certificate is held against."""

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
