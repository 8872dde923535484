"""ClickHouse's HTTP interface over the embedded engine, so that its clients work as against a server.

Without a password a client reads; with the token as password it writes as well. A GET only ever reads.
"""

from __future__ import annotations

import hmac
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

import anyio.to_thread
from anyio import CancelScope, CapacityLimiter
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.web import guard
from tillstream.web.credentials import Credentials, credentials
from tillstream.web.engine import STREAMABLE_FORMATS, Answer, Handle, Request
from tillstream.web.sessions import DEFAULT_TIMEOUT, Sessions
from tillstream.web.statement import parse
from tillstream.web.wire import TRANSPORT_PARAMETERS, BodyTooLarge, Refused, content_type, decoded

Result = TypeVar("Result")

LARGEST_READER_BODY = 4 << 20
LARGEST_WRITER_BODY = 1 << 30
STATEMENTS_AT_ONCE = 8

# A reader's statement ends by itself; other values may be asked for in the request.
READER_SETTINGS = {"max_execution_time": "120", "max_memory_usage": "4000000000"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the endpoint, read to its end and checked."""

    request: Request
    writes: bool
    query_id: str
    session_id: str = ""
    session_timeout: float = DEFAULT_TIMEOUT
    session_check: bool = False
    close_session: bool = False
    whole: bool = False

    @property
    def streams(self) -> bool:
        """Whether the result may be sent before it is complete."""
        request = self.request
        return not self.whole and request.statement.is_select and request.format.lower() in STREAMABLE_FORMATS


class Endpoint:
    """The interface of an embedded warehouse."""

    def __init__(self, warehouse: Warehouse, token: str) -> None:
        # The warehouse goes first: it takes care that no other process has the folder.
        self._timezone = str(warehouse.value("select timezone()"))
        self._table_functions = [row[0] for row in warehouse.rows("select name from system.table_functions")]
        self._path = str(warehouse.folder)
        self._token = token
        self._sessions = Sessions(self._path)
        # Readers and writers each have their own, so that neither can keep the other out.
        self._limiters: dict[bool, CapacityLimiter] = {}

    def close(self) -> None:
        """End every session."""
        self._sessions.close()

    async def answer(self, http: HttpRequest) -> Response:
        """Whatever a client asks at `/`: a statement's result, or an error in ClickHouse's form."""
        query_id = http.query_params.get("query_id") or str(uuid.uuid4())
        try:
            asked = await self._asked(http, query_id)
            answer, stack = await self._in_thread(asked, lambda: self._run(asked))
        except Refused as refused:
            return _refusal(refused, query_id)
        except BodyTooLarge as error:
            return PlainTextResponse(f"{error.message}\n", 413)
        headers = self._headers(answer, query_id)
        if asked.streams:
            headers["X-ClickHouse-Exception-Tag"] = answer.exception_tag
            return StreamingResponse(self._pieces(asked, answer.chunks, stack), headers=headers)
        return Response(b"".join(answer.chunks), headers=headers)

    async def _asked(self, http: HttpRequest, query_id: str) -> Asked:
        given = dict(http.query_params)
        writes = self._may_write(credentials(http)) and http.method == "POST"
        body = await _body(http, LARGEST_WRITER_BODY if writes else LARGEST_READER_BODY)
        query = given.get("query", "").encode()
        statement = parse(query + b"\n" + body if query and body else query or body)
        if not statement.first_word:
            raise Refused(62, "Syntax error: failed at position 1 (end of query): empty query", "SYNTAX_ERROR")
        if statement.has_more:
            raise Refused(62, "Syntax error (Multi-statements are not allowed)", "SYNTAX_ERROR")
        if statement.reads_input:
            # The embedded engine would take it and insert nothing.
            raise Refused(
                48, "insert … select from input() is not supported; insert the data itself", "NOT_IMPLEMENTED"
            )
        if given.get("compress") == "1" or given.get("decompress") == "1":
            raise Refused(48, "ClickHouse's own block compression is not supported; switch it off", "NOT_IMPLEMENTED")
        settings = {name: value for name, value in given.items() if _is_setting(name)}
        database = given.get("database") or http.headers.get("x-clickhouse-database", "")
        parameters = {name[len("param_") :]: value for name, value in given.items() if name.startswith("param_")}
        if not writes:
            guard.check(statement, self._table_functions, parameters)
            guard.check_settings(settings)
            guard.check_database(database)
            settings = {**READER_SETTINGS, **settings}
        form = given.get("default_format") or http.headers.get("x-clickhouse-format") or "TabSeparated"
        return Asked(
            Request(statement, form, database, settings, parameters),
            writes,
            query_id,
            session_id=given.get("session_id", "") if writes else "",
            session_timeout=_seconds(given.get("session_timeout")),
            session_check=given.get("session_check") == "1",
            close_session=given.get("close_session") == "1",
            whole=given.get("wait_end_of_query") == "1",
        )

    def _may_write(self, role: Credentials) -> bool:
        if role.password and hmac.compare_digest(role.password.encode(), self._token.encode()):
            return True
        if role.password or role.user not in ("", "default"):
            message = (
                f"{role.user or 'default'}: Authentication failed: password is incorrect, or there is no such user"
            )
            raise Refused(516, message, "AUTHENTICATION_FAILED")
        return False

    def _run(self, asked: Asked) -> tuple[Answer, ExitStack]:
        """The answer, and what must be closed when its last piece is sent."""
        stack = ExitStack()
        try:
            answer = self._run_on(self._handle(asked, stack), asked, stack)
            if not asked.streams:
                stack.close()
        except BaseException:
            stack.close()
            raise
        return answer, stack

    def _run_on(self, handle: Handle, asked: Asked, stack: ExitStack) -> Answer:
        request = asked.request
        if request.database:
            if asked.session_id:
                stack.callback(handle.use, handle.text("select currentDatabase()"))
            handle.use(request.database)
        if asked.session_id and request.settings:
            stack.callback(handle.restore, handle.values_of(list(request.settings)))
        for name, value in request.settings.items():
            handle.set(name, value)
        if not asked.writes:
            handle.lock()
        return handle.stream(request) if asked.streams else handle.run(request)

    def _handle(self, asked: Asked, stack: ExitStack) -> Handle:
        if not asked.session_id:
            return stack.enter_context(Handle(self._path))
        if asked.close_session:
            stack.callback(self._sessions.end, asked.session_id)
        session = self._sessions.handle(asked.session_id, asked.session_timeout, must_exist=asked.session_check)
        return stack.enter_context(session)

    async def _pieces(self, asked: Asked, chunks: Iterator[bytes], stack: ExitStack) -> AsyncIterator[bytes]:
        try:
            while (chunk := await self._in_thread(asked, lambda: next(chunks, None))) is not None:
                yield chunk
        finally:
            # The client may have gone; the handle must be given back all the same.
            with CancelScope(shield=True):
                await self._in_thread(asked, lambda: _finish(chunks, stack))

    async def _in_thread(self, asked: Asked, work: Callable[[], Result]) -> Result:
        limiter = self._limiters.setdefault(asked.writes, CapacityLimiter(STATEMENTS_AT_ONCE))
        return await anyio.to_thread.run_sync(work, limiter=limiter)

    def _headers(self, answer: Answer, query_id: str) -> dict[str, str]:
        headers = {
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Server-Display-Name": "tillstream",
            "X-ClickHouse-Timezone": self._timezone,
            "X-ClickHouse-Summary": json.dumps(answer.summary, separators=(",", ":")),
            "Content-Type": content_type(answer.format) if answer.format else "text/plain; charset=UTF-8",
        }
        if answer.format:
            headers["X-ClickHouse-Format"] = answer.format
        return headers


def _finish(chunks: Iterator[bytes], stack: ExitStack) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()
    stack.close()


def _is_setting(name: str) -> bool:
    return name not in TRANSPORT_PARAMETERS and not name.startswith("param_")


def _seconds(text: str | None) -> float:
    if not text:
        return DEFAULT_TIMEOUT
    if not text.isdecimal():
        raise Refused(36, f"Invalid session timeout: '{text[:20]}'", "BAD_ARGUMENTS")
    return float(text)


async def _body(http: HttpRequest, limit: int) -> bytes:
    pieces = bytearray()
    async for piece in http.stream():
        pieces += piece
        if len(pieces) > limit:
            raise BodyTooLarge(f"the request's body is larger than {limit} bytes")
    return decoded(bytes(pieces), http.headers.get("content-encoding", "").strip().lower(), limit)


def _refusal(refused: Refused, query_id: str) -> Response:
    headers = {
        "X-ClickHouse-Exception-Code": str(refused.code),
        "X-ClickHouse-Query-Id": query_id,
        "X-ClickHouse-Server-Display-Name": "tillstream",
    }
    if refused.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="tillstream"'
    return PlainTextResponse(f"{refused}\n", refused.status, headers)
