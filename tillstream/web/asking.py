"""A request to the endpoint, read to its end and checked: what is asked, and what whoever asks may do."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import anyio
import anyio.to_thread
from starlette.requests import Request as HttpRequest

from tillstream.errors import BodyTooLarge
from tillstream.web import guard, limits
from tillstream.web.blocks import out_of_blocks
from tillstream.web.credentials import Credentials, credentials
from tillstream.web.engine import STREAMABLE_FORMATS, Request
from tillstream.web.sessions import DEFAULT_TIMEOUT
from tillstream.web.statement import Statement, parse
from tillstream.web.wire import TRANSPORT_PARAMETERS, Refused, decoded

LARGEST_READER_BODY = 4 << 20
LARGEST_WRITER_BODY = 1 << 30

# A body that does not come on for this long never will.
BODY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the endpoint. `mark` is a comment that tells its statement from all others."""

    request: Request
    writes: bool
    query_id: str
    session_id: str = ""
    session_timeout: float = DEFAULT_TIMEOUT
    session_check: bool = False
    close_session: bool = False
    whole: bool = False
    in_blocks: bool = False
    mark: str = field(default_factory=lambda: f"/* asked {secrets.token_hex(8)} */")

    @property
    def streams(self) -> bool:
        """Whether the result may be sent before it is complete."""
        request = self.request
        return not self.whole and request.statement.is_select and request.format.lower() in STREAMABLE_FORMATS


async def read(http: HttpRequest, query_id: str, token: str, table_functions: Iterable[str]) -> Asked:
    """Everything that is asked. Raises Refused, or BodyTooLarge, for what may not be."""
    given = dict(http.query_params)
    writes = _may_write(credentials(http), token) and http.method == "POST"
    statement = await _statement(http, given, LARGEST_WRITER_BODY if writes else LARGEST_READER_BODY)
    settings = {name: value for name, value in given.items() if _is_setting(name)}
    database = given.get("database") or http.headers.get("x-clickhouse-database", "")
    parameters = {name[len("param_") :]: value for name, value in given.items() if name.startswith("param_")}
    form = given.get("default_format") or http.headers.get("x-clickhouse-format") or "TabSeparated"
    if not writes:
        guard.check(statement, table_functions, parameters)
        guard.check_database(database)
    whole = given.get("wait_end_of_query") == "1"
    asked = Asked(
        Request(statement, form, database, settings, parameters),
        writes,
        query_id,
        session_id=given.get("session_id", "") if writes else "",
        session_timeout=_seconds(given.get("session_timeout")),
        session_check=given.get("session_check") == "1",
        close_session=given.get("close_session") == "1",
        whole=whole,
        in_blocks=given.get("compress") == "1",
    )
    return asked if writes else _limited(asked)


def _limited(asked: Asked) -> Asked:
    request = asked.request
    settings = limits.for_reader(request.settings, streams=asked.streams)
    limited = Request(request.statement, request.default_format, request.database, settings, request.parameters)
    return Asked(limited, asked.writes, asked.query_id, whole=asked.whole, in_blocks=asked.in_blocks)


async def _statement(http: HttpRequest, given: Mapping[str, str], limit: int) -> Statement:
    body = await _body(http, limit)
    if given.get("decompress") == "1":
        body = await anyio.to_thread.run_sync(out_of_blocks, body, limit)
    query = given.get("query", "").encode()
    statement = parse(query + b"\n" + body if query and body else query or body)
    if not statement.first_word:
        raise Refused(62, "Syntax error: failed at position 1 (end of query): empty query", "SYNTAX_ERROR")
    if statement.has_more:
        raise Refused(62, "Syntax error (Multi-statements are not allowed)", "SYNTAX_ERROR")
    if statement.reads_input:
        # The embedded engine would take it and insert nothing.
        raise Refused(48, "insert … select from input() is not supported; insert the data itself", "NOT_IMPLEMENTED")
    return statement


def _may_write(role: Credentials, token: str) -> bool:
    if role.password and hmac.compare_digest(role.password.encode(), token.encode()):
        return True
    if role.password or role.user not in ("", "default"):
        message = f"{role.user or 'default'}: Authentication failed: password is incorrect, or there is no such user"
        raise Refused(516, message, "AUTHENTICATION_FAILED")
    return False


def _is_setting(name: str) -> bool:
    return name not in TRANSPORT_PARAMETERS and not name.startswith("param_")


def _seconds(text: str | None) -> float:
    if not text:
        return DEFAULT_TIMEOUT
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise Refused(36, f"Invalid session timeout: '{text[:20]}'", "BAD_ARGUMENTS")
    return float(text)


async def _body(http: HttpRequest, limit: int) -> bytes:
    pieces = bytearray()
    stream = http.stream()
    while True:
        try:
            with anyio.fail_after(BODY_SECONDS):
                piece = await anext(stream, None)
        except TimeoutError:
            raise Refused(
                209, f"Timeout exceeded while reading the body: nothing for {BODY_SECONDS:.0f} s", "SOCKET_TIMEOUT"
            ) from None
        if piece is None:
            break
        pieces += piece
        if len(pieces) > limit:
            raise BodyTooLarge(f"the request's body is larger than {limit} bytes")
    return decoded(bytes(pieces), http.headers.get("content-encoding", "").strip().lower(), limit)
