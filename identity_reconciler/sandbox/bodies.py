"""Bodies of served requests: with a length or in chunks, and compressed or not.

A body that claims two lengths is refused: what one program takes for the end of a request would
be the start of another one. Documented: RFC 9112, sections 6 and 7.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from email.message import Message
from typing import Protocol

from identity_reconciler.sandbox.errors import ServiceError
from identity_reconciler.sandbox.messages import MAX_BODY

_MAX_LINE = 1024
"""Bytes of the line before a chunk, and of a line after the last one."""
_MAX_TRAILERS = 100
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(;[^\r\n]*)?\r\n")


class Incoming(Protocol):
    """What arrives on a connection."""

    def read(self, size: int, /) -> bytes:
        """Return the next *size* bytes, and fewer only at the end."""
        ...

    def readline(self, size: int, /) -> bytes:
        """Return the next line with its end, or the first *size* bytes of it."""
        ...


def read_body(headers: Message, stream: Incoming) -> bytes:
    """Return the body of a request whose *headers* have been read from *stream*.

    Raises:
        ServiceError: It has no clear end, breaks off, is too large or in an unknown coding.
    """
    body = _read_framed(headers, stream)
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding == "gzip":
        return _decompressed(body)
    if coding != "identity":
        raise _malformed(f"has a Content-Encoding other than gzip: {coding}")
    return body


def _read_framed(headers: Message, stream: Incoming) -> bytes:
    lengths = headers.get_all("Content-Length", [])
    codings = headers.get_all("Transfer-Encoding", [])
    if not codings:
        return _read_counted(lengths, stream)
    if lengths or [one.strip().lower() for one in codings] != ["chunked"]:
        raise _malformed("has a Transfer-Encoding other than chunked, or a Content-Length with it")
    return _read_chunks(stream)


def _read_counted(lengths: list[str], stream: Incoming) -> bytes:
    if not lengths:
        return b""
    length = lengths[0]
    if len(lengths) > 1 or not (length.isascii() and length.isdigit()):
        raise _malformed("has no valid Content-Length")
    # Compared as text first: int() refuses thousands of digits.
    if len(length.lstrip("0")) > len(str(MAX_BODY)) or int(length) > MAX_BODY:
        raise _too_large()
    return _read_exactly(int(length), stream)


def _read_chunks(stream: Incoming) -> bytes:
    body = bytearray()
    while size := _next_size(stream):
        if len(body) + size > MAX_BODY:
            raise _too_large()
        body += _read_exactly(size, stream)
        if stream.readline(_MAX_LINE) != b"\r\n":
            raise _malformed("has a chunk that is longer than it says")
    for _ in range(_MAX_TRAILERS):
        line = stream.readline(_MAX_LINE)
        if line == b"\r\n":
            return bytes(body)
        if not line.endswith(b"\r\n"):
            break
    raise _malformed("does not end after its last chunk")


def _next_size(stream: Incoming) -> int:
    match = _CHUNK_SIZE.fullmatch(stream.readline(_MAX_LINE))
    if match is None:
        raise _malformed("has a chunk without a valid size")
    return int(match.group(1), 16)


def _read_exactly(size: int, stream: Incoming) -> bytes:
    body = stream.read(size)
    if len(body) < size:
        raise _malformed("breaks off")
    return body


def _decompressed(body: bytes) -> bytes:
    """Return what *body* holds, and never more than is allowed: a small body can hold a lot."""
    try:
        content = gzip.GzipFile(fileobj=io.BytesIO(body)).read(MAX_BODY + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _malformed("is not in the gzip format that its Content-Encoding names") from error
    if len(content) > MAX_BODY:
        raise _too_large()
    return content


def _malformed(what: str) -> ServiceError:
    return ServiceError("SerializationException", f"The request {what}.")


def _too_large() -> ServiceError:
    text = f"The request has more than {MAX_BODY} bytes."
    return ServiceError("RequestEntityTooLargeException", text)
