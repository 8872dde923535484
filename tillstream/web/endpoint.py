"""ClickHouse's HTTP interface over the embedded engine, so that its clients work as against a server.

Without a password a client reads; with the token as password it writes as well. A GET only ever reads.
A client that goes away ends its statement.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeVar

import anyio
import anyio.to_thread
from anyio import CancelScope, CapacityLimiter
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.errors import BodyTooLarge
from tillstream.web import asking, guard
from tillstream.web.asking import Asked
from tillstream.web.blocks import in_blocks
from tillstream.web.engine import Answer, Handle, kill
from tillstream.web.sessions import Sessions
from tillstream.web.statement import parse
from tillstream.web.wire import Refused, content_type

Result = TypeVar("Result")

STATEMENTS_AT_ONCE = 8
# Answers that are being sent; a client that does not read its own keeps a statement open.
MOST_OPEN = 100


class Endpoint:
    """The interface of an embedded warehouse."""

    def __init__(self, warehouse: Warehouse, token: str) -> None:
        # The warehouse goes first: it takes care that no other process has the folder.
        self._timezone = str(warehouse.value("select timezone()"))
        self._table_functions = [row[0] for row in warehouse.rows("select name from system.table_functions")]
        self._path = str(warehouse.folder)
        self._token = token
        self._sessions = Sessions(self._path)
        self._open = 0
        # Readers and writers each have their own, so that neither can keep the other out.
        self._limiters: dict[bool, CapacityLimiter] = {}
        self._killers: CapacityLimiter | None = None

    def close(self) -> None:
        """End every session."""
        self._sessions.close()

    async def answer(self, http: HttpRequest) -> Response:
        """Whatever a client asks at `/`: a statement's result, or an error in ClickHouse's form."""
        query_id = _header_safe(http.query_params.get("query_id", "")) or str(uuid.uuid4())
        try:
            asked = await asking.read(http, query_id, self._token, self._table_functions)
            if self._open >= MOST_OPEN and not asked.writes:
                raise Refused(202, "Too many simultaneous queries", "TOO_MANY_SIMULTANEOUS_QUERIES")
            answer, stack = await _while_there(http, lambda: self._in_thread(asked, lambda: self._run(asked)))
        except Refused as refused:
            return _refusal(refused, query_id)
        except BodyTooLarge as error:
            return PlainTextResponse(f"{error.message}\n", 413)
        except ClientDisconnect:
            # Nobody reads it, but every request has an answer.
            return PlainTextResponse("The client went away.\n", 499)
        headers = self._headers(answer, query_id)
        if asked.streams:
            headers["X-ClickHouse-Exception-Tag"] = answer.exception_tag
            self._open += 1
            return StreamingResponse(self._pieces(asked, answer.chunks, stack), headers=headers)
        return Response(b"".join(answer.chunks), headers=headers)

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
        handle.set_all(request.settings)
        if not asked.writes:
            as_parsed = parse(handle.as_parsed(request.statement.sql))
            guard.check(as_parsed, self._table_functions, request.parameters)
            handle.lock()
        answer = handle.stream(request, asked.mark) if asked.streams else handle.run(request, asked.mark)
        return replace(answer, chunks=_in_blocks(answer.chunks, asked.streams)) if asked.in_blocks else answer

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
            self._open -= 1
            # The client may have gone; the handle must be given back all the same.
            with CancelScope(shield=True):
                await self._in_thread(asked, lambda: _finish(chunks, stack))

    async def _in_thread(self, asked: Asked, work: Callable[[], Result]) -> Result:
        """Do it in a thread; when that is cancelled, the statement is ended too, for nobody can end a thread."""
        limiter = self._limiters.setdefault(asked.writes, CapacityLimiter(STATEMENTS_AT_ONCE))
        outcome: list[Result] = []
        problem: list[Exception] = []

        async def kill_if_cancelled() -> None:
            try:
                await anyio.sleep_forever()
            finally:
                if not outcome and not problem:
                    with CancelScope(shield=True):
                        await self._kill(asked)

        async with anyio.create_task_group() as group:
            group.start_soon(kill_if_cancelled)
            try:
                outcome.append(await anyio.to_thread.run_sync(work, limiter=limiter))
            except Exception as error:
                problem.append(error)
            group.cancel_scope.cancel()
        if problem:
            raise problem[0]
        return outcome[0]

    async def _kill(self, asked: Asked) -> None:
        if self._killers is None:
            self._killers = CapacityLimiter(2)
        await anyio.to_thread.run_sync(kill, self._path, asked.mark, limiter=self._killers)

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


async def _while_there(http: HttpRequest, work: Callable[[], Awaitable[Result]]) -> Result:
    """Await it, and cancel it when the client goes away: then ClientDisconnect is raised."""
    outcome: list[Result] = []
    problem: list[Exception] = []

    async with anyio.create_task_group() as group:

        async def cancel_when_gone() -> None:
            while (await http.receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(cancel_when_gone)
        try:
            outcome.append(await work())
        except Exception as error:
            problem.append(error)
        group.cancel_scope.cancel()
    if problem:
        raise problem[0]
    if not outcome:
        raise ClientDisconnect
    return outcome[0]


def _in_blocks(chunks: Iterator[bytes], streams: bool) -> Iterator[bytes]:
    packed = _packed(chunks)
    # What is complete is packed here, in a thread, and not where it is sent.
    return packed if streams else iter([b"".join(packed)])


def _packed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        for chunk in chunks:
            yield from in_blocks(chunk)
    finally:
        _close(chunks)


def _close(chunks: Iterator[bytes]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()


def _finish(chunks: Iterator[bytes], stack: ExitStack) -> None:
    _close(chunks)
    stack.close()


def _header_safe(text: str) -> str:
    return "".join(character for character in text[:200] if " " <= character <= "~")


def _refusal(refused: Refused, query_id: str) -> Response:
    headers = {
        "X-ClickHouse-Exception-Code": str(refused.code),
        "X-ClickHouse-Query-Id": query_id,
        "X-ClickHouse-Server-Display-Name": "tillstream",
    }
    if refused.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="tillstream"'
    return PlainTextResponse(f"{refused}\n", refused.status, headers)
