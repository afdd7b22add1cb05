"""Compressed payloads: a payload within a payload, as Eclipse Tahu and the clients that came from it send them.

Sparkplug 3.0 knows nothing of it: the outer payload has a uuid that says so, the inner one as `body`, and a metric `algorithm`.
"""

from __future__ import annotations

import zlib

from contract.sparkplug import PayloadError, decode

UUID = "SPBV1.0_COMPRESSED"
ALGORITHM = "algorithm"
"""The metric that names it; its name and value come in any case, and without it the header of the body says which it is."""
_MARK = UUID.encode()
_KNOWN = frozenset({"", "DEFLATE", "GZIP"})
_ZLIB_OR_GZIP, _RAW = 32 + zlib.MAX_WBITS, -zlib.MAX_WBITS


class TooLargeError(PayloadError):
    """A payload that would be larger than allowed once decompressed."""


def marked(raw: bytes) -> bool:
    """Whether `raw` may be compressed; cheap, for it is asked of every message."""
    return _MARK in raw


def unwrapped(raw: bytes, most: int) -> bytes:
    """The payload in a compressed one, of at most `most` bytes; any other payload as it is.

    Time and `seq` of the outer payload hold where the inner one has none.

    Raises:
        TooLargeError: It would be larger than `most`; no more than that was ever in memory.
        PayloadError: What is compressed is no payload, or by no algorithm that is known; or it is compressed twice.
    """
    outer = decode(raw)
    if outer.uuid != UUID:
        return raw
    named = next((m.string_value for m in outer.metrics if m.name.lower() == ALGORITHM), "")
    if named.upper() not in _KNOWN:
        raise PayloadError("compressed by an algorithm that is not known; expected DEFLATE or GZIP")
    inner = _inflated(outer.body, most)
    if decode(inner).uuid == UUID:
        raise PayloadError("compressed twice")
    outer.ClearField("metrics")
    outer.ClearField("uuid")
    outer.ClearField("body")
    return outer.SerializeToString() + inner  # of a field that stands in both, protobuf takes the later one


def _inflated(body: bytes, most: int) -> bytes:
    """The formats of zlib and gzip are told by their headers; some libraries write deflate without any."""
    for form in (_ZLIB_OR_GZIP, _RAW):
        stream = zlib.decompressobj(form)
        try:
            found = stream.decompress(body, most + 1)
        except zlib.error:
            continue
        if len(found) > most:
            raise TooLargeError(f"larger than {most} bytes once decompressed")
        if stream.eof and not stream.unused_data:
            return found
    raise PayloadError("cannot be decompressed, or ends too early")
