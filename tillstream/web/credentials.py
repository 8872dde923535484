"""Who asks: user and password in any of the places where ClickHouse's clients put them."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass

from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class Credentials:
    """What was given; empty strings for what was not."""

    user: str = ""
    password: str = ""


def credentials(request: Request) -> Credentials:
    """From ClickHouse's headers, from Authorization, or from the query string, in this order."""
    headers = request.headers
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return Credentials(headers.get("x-clickhouse-user", ""), headers.get("x-clickhouse-key", ""))
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return Credentials("till", value.strip())
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return Credentials("?", "?")
        return Credentials(user, password)
    return Credentials(request.query_params.get("user", ""), request.query_params.get("password", ""))


def has_token(request: Request, token: str) -> bool:
    """Whether the request carries the token. Takes as long for a wrong one as for the right one."""
    return hmac.compare_digest(credentials(request).password.encode(), token.encode())
