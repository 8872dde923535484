"""What `till doctor` says about the publications: what is there, what they carry, and whether we may change it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import psycopg

from tillstream.errors import SourceError
from tillstream.ports import Finding
from tillstream.sources.postgres.carried import Publication, find_publication, require_all_changes
from tillstream.sources.postgres.catalog import CapturedTable, quoted
from tillstream.sources.postgres.publication import assigned, members, statement_to_create
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.slot import Slot


def raised(subject: str, check: Callable[[], object], good: str) -> Finding:
    """What the check raises as a finding, or that all is `good`."""
    try:
        check()
    except SourceError as error:
        return Finding(
            subject, False, f"{error.message}: {error.detail}" if error.detail else error.message, error.hint
        )
    return Finding(subject, True, good)


def publication_findings(
    connection: psycopg.Connection, settings: PostgresSettings, tables: list[CapturedTable], slot: Slot | None
) -> Iterator[Finding]:
    """A finding for each publication that these tables need."""
    for name, wanted in assigned(tables, settings).items():
        found = find_publication(connection, name)
        if found is not None:
            yield _existing(connection, name, found, wanted, adds_only=name == settings.insert_publication)
        elif slot is not None and name == settings.publication:
            hint = "Run `till resync` to read the tables again and go on from now."
            words = "was dropped: the server leaves out what is written without it"
            yield Finding(_subject(name), False, words, hint)
        else:
            yield _to_be_made(connection, settings, name, wanted)


def _existing(
    connection: psycopg.Connection, name: str, found: Publication, wanted: Sequence[CapturedTable], *, adds_only: bool
) -> Finding:
    subject = _subject(name)
    carried = raised(subject, partial(require_all_changes, found, name, wanted, adds_only=adds_only), "ok")
    if not carried.ok or found.all_tables:
        return carried
    present = members(connection, name)
    absent = [table for table in wanted if table.full_name not in present]
    if not absent:
        return carried
    words = f"lacks {', '.join(table.full_name for table in absent)}"
    if found.is_ours:
        return Finding(subject, True, f"{words}; they are added when the pipeline starts")
    hint = f"alter publication {quoted(name)} add table {', '.join(table.sql_name for table in absent)};"
    return Finding(subject, False, f'{words}, and belongs to role "{found.owner}"', hint)


def _to_be_made(
    connection: psycopg.Connection, settings: PostgresSettings, name: str, wanted: Sequence[CapturedTable]
) -> Finding:
    row = connection.execute(
        "select current_user::text, has_database_privilege(current_database(), 'create'), array("
        "select oid::regclass::text from pg_class where oid = any(%s) and not pg_has_role(relowner, 'usage')"
        " order by 1)",
        [[table.id for table in wanted]],
    ).fetchone()
    assert row is not None
    role, may_create, foreign = row
    if may_create and not foreign:
        return Finding(_subject(name), True, "is made when the pipeline starts")
    why = f"does not own {', '.join(foreign[:3])}" if foreign else "may not create in the database"
    words = f'is missing, and role "{role}" can\'t make it: it {why}'
    hint = f"{statement_to_create(name, wanted, adds_only=name == settings.insert_publication)};"
    return Finding(_subject(name), False, words, f"As an owner: {hint}")


def _subject(name: str) -> str:
    return f'publication "{name}"'
