"""Bodies of requests: what was sent is what is read, however it was packed, or it is refused."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Sequence
from email.message import Message

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from identity_reconciler.sandbox.bodies import read_body
from identity_reconciler.sandbox.errors import ServiceError
from identity_reconciler.sandbox.messages import MAX_BODY

Headers = Sequence[tuple[str, str]]
CHUNKED = ("Transfer-Encoding", "chunked")
GZIP = ("Content-Encoding", "gzip")
NEXT = b"POST / HTTP/1.1\r\n"
"""What follows a body on its connection."""
SIZES = st.integers(1, 40)


def read(sent: bytes, *headers: tuple[str, str]) -> tuple[bytes, bytes]:
    """Return the body that is read from *sent*, and what is left on the connection."""
    message = Message()
    for name, value in headers:
        message[name] = value
    stream = io.BytesIO(sent)
    return read_body(message, stream), stream.read()


def code(sent: bytes, *headers: tuple[str, str]) -> str:
    """Return the code of the refusal."""
    with pytest.raises(ServiceError) as refusal:
        read(sent, *headers)
    return refusal.value.code


def length(body: bytes) -> tuple[str, str]:
    """Return the header for a body in one piece."""
    return ("Content-Length", str(len(body)))


def chunks(body: bytes, size: int, *, upper: bool = False, extension: bytes = b"") -> bytes:
    """Return *body* in chunks of *size*, as any client might cut it."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    written = b""
    for part in parts:
        digits = f"{len(part):X}" if upper else f"{len(part):x}"
        written += digits.encode() + extension + b"\r\n" + part + b"\r\n"
    return written + b"0\r\n"


class TestPacking:
    """A body is read whole, and not a byte of what follows it."""

    @given(body=st.binary(max_size=200), size=SIZES, upper=st.booleans())
    def test_chunks(self, body: bytes, size: int, *, upper: bool) -> None:
        sent = chunks(body, size, upper=upper) + b"\r\n" + NEXT
        assert read(sent, CHUNKED) == (body, NEXT)

    @given(body=st.binary(max_size=200))
    def test_length(self, body: bytes) -> None:
        assert read(body + NEXT, length(body)) == (body, NEXT)

    @given(body=st.binary(max_size=200), size=SIZES)
    def test_compressed(self, body: bytes, size: int) -> None:
        packed = gzip.compress(body)
        assert read(packed + NEXT, length(packed), GZIP) == (body, NEXT)
        sent = chunks(packed, size) + b"\r\n" + NEXT
        assert read(sent, CHUNKED, GZIP) == (body, NEXT)

    def test_without_a_body(self) -> None:
        assert read(NEXT) == (b"", NEXT)

    def test_extensions_and_trailers(self) -> None:
        sent = chunks(b"abc", 2, extension=b' ;name="value"') + b"Checksum: 1\r\n\r\n" + NEXT
        assert read(sent, CHUNKED) == (b"abc", NEXT)

    def test_spelling(self) -> None:
        packed = gzip.compress(b"abc")
        assert read(packed, length(packed), ("content-encoding", "GZip"))[0] == b"abc"
        assert read(chunks(b"abc", 2) + b"\r\n", ("transfer-encoding", "Chunked"))[0] == b"abc"
        assert read(b"abc", length(b"abc"), ("Content-Encoding", "identity"))[0] == b"abc"

    def test_the_largest(self) -> None:
        body = bytes(MAX_BODY)
        assert read(chunks(body, MAX_BODY) + b"\r\n", CHUNKED)[0] == body
        assert read(body, length(body))[0] == body
        packed = gzip.compress(body)
        assert read(packed, length(packed), GZIP)[0] == body


class TestRefused:
    """What has no clear end, or is not what it says, is no request."""

    @given(body=st.binary(min_size=1, max_size=60), size=SIZES, end=st.integers(0))
    @example(body=b"a", size=1, end=0)
    def test_breaks_off(self, body: bytes, size: int, end: int) -> None:
        whole = chunks(body, size) + b"\r\n"
        assert code(whole[: end % len(whole)], CHUNKED) == "SerializationException"
        assert code(body[: end % len(body)], length(body)) == "SerializationException"
        packed = gzip.compress(body)
        torn = packed[: 1 + end % (len(packed) - 1)]
        assert code(torn, length(torn), GZIP) == "SerializationException"

    @pytest.mark.parametrize(
        "sent",
        [
            b"\r\n",
            b"x\r\n",
            b"-1\r\na\r\n",
            b"+1\r\na\r\n0\r\n\r\n",
            b"0x1\r\na\r\n0\r\n\r\n",
            b"1_0\r\n",
            b" 1\r\na\r\n0\r\n\r\n",
            b"1\na\n0\n\n",
            b"1\r\nab\r\n0\r\n\r\n",
            b"2\r\na\r\n0\r\n\r\n",
            b"1" * 17 + b"\r\n",
            b"1;" + b"x" * 2000 + b"\r\na\r\n0\r\n\r\n",
            b"0\r\n" + b"a: b\r\n" * 101 + b"\r\n",
            b"0\r\na: b\n\r\n",
        ],
    )
    def test_chunks(self, sent: bytes) -> None:
        assert code(sent, CHUNKED) == "SerializationException"

    @pytest.mark.parametrize(
        "headers",
        [
            [CHUNKED, ("Content-Length", "5")],
            [("Content-Length", "5"), ("Content-Length", "6")],
            [("Content-Length", "5"), ("Content-Length", "5")],
            [("Content-Length", "")],
            [("Content-Length", "+5")],
            [("Content-Length", "5, 5")],
            [("Content-Length", "\u0665")],
            [("Transfer-Encoding", "gzip, chunked")],
            [("Transfer-Encoding", "identity")],
            [("Transfer-Encoding", "")],
            [CHUNKED, CHUNKED],
            [("Content-Length", "5"), ("Content-Encoding", "br")],
            [("Content-Length", "5"), ("Content-Encoding", "gzip, gzip")],
            [("Content-Length", "5"), ("Content-Encoding", "aws-chunked")],
            [("Content-Length", "5"), GZIP],
        ],
    )
    def test_headers(self, headers: Headers) -> None:
        assert code(b"0\r\n\r\n" + NEXT, *headers) == "SerializationException"

    @pytest.mark.parametrize("claimed", [str(MAX_BODY + 1), "9" * 5000])
    def test_too_long(self, claimed: str) -> None:
        refused = "RequestEntityTooLargeException"
        assert code(b"", ("Content-Length", claimed)) == refused

    def test_too_large_a_chunk(self) -> None:
        refused = "RequestEntityTooLargeException"
        assert code(f"{MAX_BODY + 1:x}\r\n".encode(), CHUNKED) == refused
        assert code(b"f" * 16 + b"\r\n", CHUNKED) == refused
        assert code(chunks(bytes(MAX_BODY + 1), 60_000) + b"\r\n", CHUNKED) == refused

    def test_too_much_in_little(self) -> None:
        """What is refused is not unpacked either."""
        packed = gzip.compress(bytes(64 * MAX_BODY))
        assert len(packed) < MAX_BODY / 10
        tracemalloc.start()
        try:
            assert code(packed, length(packed), GZIP) == "RequestEntityTooLargeException"
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 8 * MAX_BODY
