"""Bodies that a caller compressed: gzip, deflate and zstd, limited by their expanded size.

Codex sends zstd, browsers' `CompressionStream` and older libraries gzip and deflate. Expansion stops at the limit, no
matter how large the whole would be.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import zstandard

from segue.errors import InvalidRequestError

Reader: TypeAlias = Callable[[bytes, int], bytes]
"""Expands a body up to a limit in bytes."""

_CODINGS_MOST: Final = 3
_WINDOW_MOST: Final = 8 << 20
"""Bytes of memory that a zstd frame may need: what RFC 8878 recommends every decoder to allow, and enough for levels up to 19."""


_MEMBERS_MOST: Final = 64
"""Members of a gzip body: what follows a member is copied."""


class TooLargeError(Exception):
    """The expanded body is larger than its limit."""


def readers_of(coding: str) -> list[Reader]:
    """The decoders for `coding`, the value of `content-encoding`, in order. Raises `InvalidRequestError` (415) for an unknown one."""
    names = [name.strip().lower() for name in coding.split(",")]
    readers = [_READERS.get(name) for name in reversed(names) if name not in ("", "identity")]
    if None in readers or len(readers) > _CODINGS_MOST:
        raise InvalidRequestError(
            f"content-encoding: {coding[:80]} is not supported: use gzip, deflate, zstd or none",
            status=415,
            code="unsupported_content_encoding",
        )
    return [reader for reader in readers if reader is not None]


def expanded(body: bytes, readers: Iterable[Reader], most: int) -> bytes:
    """The expanded body. Raises `TooLargeError` if it is larger than `most` bytes, `InvalidRequestError` (400) if it is malformed."""
    for reader in readers:
        try:
            body = reader(body, most)
        except (zlib.error, zstandard.ZstdError, EOFError) as error:
            raise InvalidRequestError(
                f"the body is not compressed as in content-encoding: {error}", code="invalid_content_encoding"
            ) from error
    return body


def _zlib(body: bytes, most: int, window: int) -> bytes:
    machine = zlib.decompressobj(window)
    data = machine.decompress(body, most + 1)
    if len(data) > most:
        raise TooLargeError
    if not machine.eof:
        raise EOFError("it ends too early")
    return data


def _gzip(body: bytes, most: int) -> bytes:
    """Its members, one after the other (RFC 1952 2.2)."""
    data = b""
    for _ in range(_MEMBERS_MOST):
        machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
        data += machine.decompress(body, most + 1 - len(data))
        if len(data) > most:
            raise TooLargeError
        if not machine.eof:
            raise EOFError("it ends too early")
        body = machine.unused_data.lstrip(b"\0")  # some pad with zeros
        if not body:
            return data
    raise EOFError(f"it has more than {_MEMBERS_MOST} members")


def _deflate(body: bytes, most: int) -> bytes:
    """With zlib's frame, as in the standard, or without, as some clients send it."""
    try:
        return _zlib(body, most, zlib.MAX_WBITS)
    except zlib.error:
        return _zlib(body, most, -zlib.MAX_WBITS)


def _zstd(body: bytes, most: int) -> bytes:
    machine = zstandard.ZstdDecompressor(max_window_size=_WINDOW_MOST)
    with machine.stream_reader(io.BytesIO(body), read_across_frames=True) as reader:
        data = reader.read(most + 1)
    if len(data) > most:
        raise TooLargeError
    return data


_READERS: Final[dict[str, Reader]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}
