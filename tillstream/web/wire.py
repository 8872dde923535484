"""ClickHouse's HTTP protocol in values: status codes, content types, settings of the transport, bodies."""

from __future__ import annotations

import re
import zlib

import pyarrow as pa

from tillstream.errors import BodyTooLarge

# Parameters that ClickHouse's HTTP handler takes for itself, or that steer a transport we don't have.
TRANSPORT_PARAMETERS = frozenset(
    {
        "add_http_cors_header", "buffer_size", "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version", "close_session", "compress", "database", "decompress", "default_format",
        "enable_http_compression", "http_headers_progress_interval_ms",
        "http_native_compression_disable_checksumming_on_decompress",
        "http_response_buffer_size", "http_write_exception_in_output_format", "http_zlib_compression_level",
        "internal_bytes", "password", "profile", "query", "query_id", "quota_key", "role",
        "send_progress_in_http_headers", "session_check", "session_id", "session_timeout", "stacktrace", "user",
        "wait_end_of_query",
    }
)  # fmt: skip

_STATUS = {
    194: 401, 192: 403, 193: 403, 516: 403,
    6: 400, 25: 400, 26: 400, 27: 400, 36: 400, 38: 400, 41: 400, 42: 400, 43: 400, 44: 400, 53: 400, 62: 400,
    69: 400, 70: 400, 72: 400, 117: 400, 130: 400, 167: 400, 168: 400, 372: 404, 376: 400, 457: 400,
    46: 404, 47: 404, 50: 404, 56: 404, 60: 404, 63: 404, 73: 404, 81: 404, 115: 404,
    48: 501, 159: 408, 209: 408, 202: 503, 307: 413, 373: 500, 381: 411,
}  # fmt: skip

_CONTENT_TYPES = (
    ("json", "application/json; charset=UTF-8"),
    ("csv", "text/csv; charset=UTF-8"),
    ("tabseparated", "text/tab-separated-values; charset=UTF-8"),
    ("tsv", "text/tab-separated-values; charset=UTF-8"),
    ("arrow", "application/vnd.apache.arrow.file"),
    ("parquet", "application/vnd.apache.parquet"),
    ("xml", "application/xml; charset=UTF-8"),
    ("pretty", "text/plain; charset=UTF-8"),
    ("vertical", "text/plain; charset=UTF-8"),
    ("markdown", "text/plain; charset=UTF-8"),
)


class Refused(Exception):
    """A request that ends with an error in ClickHouse's own words and code."""

    def __init__(self, code: int, message: str, name: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {message}. ({name})")
        self.code = code

    @property
    def status(self) -> int:
        return _STATUS.get(self.code, 500)


def from_engine(error: Exception) -> Refused:
    """The engine's error as it would have come over HTTP."""
    text = str(error)
    start = text.find("Code: ")
    match = re.match(r"Code: (\d+)", text[max(start, 0) :])
    if match is None:
        return Refused(1002, text or type(error).__name__, "UNKNOWN_EXCEPTION")
    refused = Refused(int(match.group(1)), "", "")
    refused.args = (text[start:].strip(),)
    return refused


def content_type(form: str) -> str:
    """The media type of a ClickHouse format."""
    for part, media_type in _CONTENT_TYPES:
        if form.lower().startswith(part):
            return media_type
    return "application/octet-stream"


def decoded(body: bytes, encoding: str, limit: int) -> bytes:
    """A request's body without its compression; never more than `limit` bytes."""
    if encoding in ("", "identity"):
        return body
    try:
        data = _decompressed(body, encoding, limit)
    except (OSError, EOFError, RuntimeError, zlib.error, ValueError) as error:
        raise Refused(354, f"The body is not {encoding}: {error}", "ZLIB_INFLATE_FAILED") from error
    if len(data) > limit:
        raise BodyTooLarge(f"the request's body unpacks to more than {limit} bytes")
    return data


def _decompressed(body: bytes, encoding: str, limit: int) -> bytes:
    codec = {"gzip": "gzip", "x-gzip": "gzip", "lz4": "lz4", "zstd": "zstd"}.get(encoding)
    if codec is not None:
        with pa.CompressedInputStream(pa.BufferReader(body), codec) as stream:
            return bytes(stream.read(limit + 1))
    if encoding == "deflate":
        return zlib.decompressobj().decompress(body, limit + 1)
    raise Refused(
        48, f"Content-Encoding {encoding} is not supported; use gzip, deflate, lz4 or zstd", "NOT_IMPLEMENTED"
    )
