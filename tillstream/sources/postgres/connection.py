"""Sessions on the captured server, and the one place that reads meaning out of its errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import pq

from tillstream.errors import (
    LogicalReplicationOff,
    PermissionMissing,
    SlotBusy,
    SlotLost,
    SourceError,
    SourceUnreachable,
    TableMissing,
)
from tillstream.sources.postgres.settings import PostgresSettings

# Snapshot and log must print values alike, whatever the role's or the database's defaults are.
_PRINTED_ALIKE = {
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmloption": "content",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
# A reader that is held up by a slow warehouse is not dead. The network itself tells who is gone.
_PATIENT = {
    "wal_sender_timeout": "5min",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
_CONNECT_SECONDS = 15


def connect(settings: PostgresSettings) -> psycopg.Connection:
    """A session in autocommit that prints values the way every other one does."""
    with translated(settings):
        connection = psycopg.connect(_with_options(settings.url), autocommit=True)
        _prepare(connection, _PRINTED_ALIKE)
        return connection


def connect_for_replication(settings: PostgresSettings) -> psycopg.Connection:
    """A session that speaks the replication protocol."""
    with translated(settings):
        connection = psycopg.connect(_with_options(settings.url, replication="database"), autocommit=True)
        _prepare(connection, _PRINTED_ALIKE)
        _prepare(connection, _PATIENT)
        return connection


def _with_options(url: str, **more: str) -> str:
    return psycopg.conninfo.make_conninfo(
        url, application_name="tillstream", connect_timeout=_CONNECT_SECONDS, client_encoding="UTF8", **more
    )


def _prepare(connection: psycopg.Connection, values: dict[str, str]) -> None:
    script = "; ".join(f"set {name} = '{value}'" for name, value in values.items())
    checked(connection.pgconn.exec_(script.encode()))


def checked(result: pq.abc.PGresult) -> pq.abc.PGresult:
    """The result of a low-level call; raises psycopg's error if it is one."""
    if result.status in (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE):
        raise psycopg.errors.error_from_result(result, "utf-8")
    return result


@contextmanager
def translated(settings: PostgresSettings) -> Iterator[None]:
    """Errors of the driver come out of the block as ours."""
    try:
        yield
    except psycopg.Error as error:
        raise translation(error, settings) from error


def translation(error: psycopg.Error, settings: PostgresSettings) -> SourceError:
    """What a driver's error means for the user, and whether waiting can help."""
    state = error.sqlstate or ""
    text = (error.diag.message_primary or str(error)).strip()
    if state == "55006":
        return SlotBusy(settings.slot, _process_in(text))
    if state == "42704" and "replication slot" in text:
        return slot_gone(settings.slot)
    if state == "55000" and "replication slot" in text:
        return slot_invalidated(settings.slot, error.diag.message_detail or text)
    if state in ("55000", "0A000") and "wal_level" in text:
        return LogicalReplicationOff("replica")
    if state in ("42501", "28000") or "permission denied" in text or "must be superuser" in text:
        return _not_allowed(text, settings)
    if state == "42P01":
        return TableMissing(text, hint="Was it dropped or renamed? Restart the pipeline to look at the tables again.")
    if state == "53400":
        return SourceError(
            "the server has no replication slot left",
            detail=text,
            hint="Drop an unused one (select pg_drop_replication_slot('name')), or raise max_replication_slots.",
        )
    if isinstance(error, psycopg.ProgrammingError) and not state:
        return SourceError(
            "the source's URL can't be read",
            # The driver quotes the part that it does not like, which may be the password.
            detail="It is not of the form postgresql://role:password@host:port/database.",
            hint="Correct it; odd characters in a password are written as %40 for @, %2F for /, %25 for %.",
        )
    # Without a code it is the connection that failed, not a statement.
    if isinstance(error, psycopg.OperationalError) or state[:2] in ("", "08", "57", "53"):
        return _no_session(text, settings)
    return SourceError("the source refused a statement", detail=f"{_discreet(text, state)} (SQLSTATE {state})")


def _discreet(text: str, state: str) -> str:
    # Only errors about data quote data; the others quote names, which help.
    return re.sub(r'"[^"]*"', '"…"', text) if state[:2] in ("22", "23") else text


# The driver reports a refused session by text only; the server's language may differ, the quoted names do not.
_REFUSED_SESSIONS = (
    (r"password authentication failed|no password supplied", "password", "Correct the password in the source's URL."),
    (
        r"no pg_hba\.conf entry.*, no encryption",
        "unencrypted access",
        "Add ?sslmode=require to the source's URL; if it has it, add a line to pg_hba.conf that lets this role in.",
    ),
    (r"no pg_hba\.conf entry", "access", "Add a line to pg_hba.conf that lets this role and address in."),
    (r"does not support SSL", "encryption", "Switch it on in the server (ssl = on), or take sslmode out of the URL."),
    (r'database ".*" does not exist', "database", "Correct the database's name in the source's URL."),
    (r'role ".*" does not exist', "role", "Create the role, or correct its name in the source's URL."),
    (r'role ".*" is not permitted to log in', "role", "alter role … login;"),
    (r"invalid (sslmode|port|integer|connection)", "options", "Correct the source's URL."),
)

# What may be over at the next attempt.
_PASSING = (
    (
        r"too many clients|remaining connection slots|too many connections for",
        "Raise max_connections (or the role's connection limit), or end idle sessions.",
    ),
    (r"resolve host|translate host name|[Nn]ame or service", "Correct the host's name in the source's URL."),
)
_NOT_THERE = "Is it running, or still starting? The flow goes on by itself when it answers."


def _no_session(text: str, settings: PostgresSettings) -> SourceError:
    where = place_of(settings.url)
    for pattern, subject, hint in _REFUSED_SESSIONS:
        if re.search(pattern, text):
            return SourceError(f"the server at {where} refuses the {subject}", detail=_fact(text), hint=hint)
    if re.search(r"certificate verify failed|root certificate file|does not match host name", text):
        return SourceError(
            f"the server at {where} can't prove who it is",
            detail=_fact(text),
            hint="Give its authority's certificate as sslrootcert in the source's URL, or correct the host's name.",
        )
    hint = next((hint for pattern, hint in _PASSING if re.search(pattern, text)), _NOT_THERE)
    return SourceUnreachable(f"no connection to the server at {where}", detail=_fact(text), hint=hint)


def _not_allowed(text: str, settings: PostgresSettings) -> PermissionMissing:
    role = _role_of(settings.url)
    if re.search(r"replication|WAL sender", text):
        return PermissionMissing(
            f'role "{role}" may not replicate', detail=_fact(text), hint=f'alter role "{role}" replication;'
        )
    table = re.search(r"permission denied for (?:table|view) (\S+)", text)
    if table:
        return PermissionMissing(
            f'role "{role}" may not read table "{table[1]}"',
            detail=_fact(text),
            hint=f'grant select on {table[1]} to "{role}";',
        )
    schema = re.search(r"permission denied for schema (\S+)", text)
    if schema:
        return PermissionMissing(
            f'role "{role}" may not use schema "{schema[1]}"',
            detail=_fact(text),
            hint=f'grant usage on schema {schema[1]} to "{role}";',
        )
    return PermissionMissing(
        f'role "{role}" lacks a right',
        detail=_fact(text),
        hint=f'grant create on database "{_database_of(settings.url)}" to "{role}"; '
        "the role must own the captured tables, or an administrator creates the publications.",
    )


def slot_gone(slot: str) -> SlotLost:
    """The slot does not exist any more."""
    return SlotLost(
        f'replication slot "{slot}" does not exist',
        detail="It was dropped, or the server was restored without it; changes since then can't be read.",
        hint="Run `till resync` to read the tables again and go on from now.",
    )


def slot_invalidated(slot: str, detail: str) -> SlotLost:
    """The slot exists, but the log it needs does not."""
    return SlotLost(
        f'replication slot "{slot}" has lost its log',
        detail=detail,
        hint="Raise max_slot_wal_keep_size so that it outlasts a pause, then run `till resync`.",
    )


def place_of(url: str) -> str:
    """Host, port and database of a URL, for messages: never the password."""
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        return "the given URL"
    place = f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}"
    return f'"{place}/{parts["dbname"]}"' if "dbname" in parts else f'"{place}"'


def _role_of(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url).get("user", "the current role"))


def _database_of(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url).get("dbname", _role_of(url)))


def _process_in(text: str) -> int | None:
    found = re.search(r"PID (\d+)", text)
    return int(found[1]) if found else None


def _fact(text: str) -> str:
    """The last thing a connection attempt said, in one line."""
    return re.sub(r"\s+", " ", text).strip()
