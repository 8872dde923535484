"""Whether a publication that was there before us carries every change, and whether we may alter it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from tillstream.errors import SourceError
from tillstream.sources.postgres.catalog import CapturedTable, quoted

_PUBLICATION = """
select
    array_remove(array[
        case when pubinsert then 'insert' end, case when pubupdate then 'update' end,
        case when pubdelete then 'delete' end, case when pubtruncate then 'truncate' end
    ], null),
    pubviaroot, puballtables, pg_get_userbyid(pubowner)::text, pg_has_role(pubowner, 'usage'),
    (
        select min(prrelid::regclass::text) from pg_publication_rel r
        where prpubid = p.oid and to_jsonb(r) ->> 'prqual' is not null
    )
from pg_publication p where pubname = %s
"""

ALL_CHANGES = ("insert", "update", "delete", "truncate")
ADDITIONS = ("insert", "truncate")


@dataclass(frozen=True, slots=True)
class Publication:
    """A publication as it is. `filtered` is a table of which it carries some rows only."""

    operations: tuple[str, ...]
    via_root: bool
    all_tables: bool
    owner: str
    is_ours: bool
    filtered: str | None


def find_publication(connection: psycopg.Connection, name: str) -> Publication | None:
    """The publication of that name."""
    row = connection.execute(_PUBLICATION, [name]).fetchone()
    return Publication(tuple(row[0]), *row[1:]) if row else None


def require_all_changes(
    publication: Publication, name: str, tables: Sequence[CapturedTable], *, adds_only: bool = False
) -> None:
    """SourceError when the server would leave changes of these tables out of our log, and never say so."""
    wanted = ADDITIONS if adds_only else ALL_CHANGES
    missing = [operation for operation in wanted if operation not in publication.operations]
    if missing:
        raise SourceError(
            f'publication "{name}" leaves out every {missing[0]}',
            detail=f"It publishes {', '.join(publication.operations) or 'nothing'}; "
            "what it leaves out never arrives, and nothing says so.",
            hint=f"alter publication {quoted(name)} set (publish = '{', '.join(ALL_CHANGES)}'); then `till resync`.",
        )
    if publication.filtered:
        raise SourceError(
            f'publication "{name}" leaves out rows of table "{publication.filtered}"',
            detail="It has a row filter; what it leaves out never arrives, and nothing says so.",
            hint="Give this pipeline a `publication` of its own in till.toml: it is made as needed.",
        )
    partitioned = next((table.full_name for table in tables if table.is_partitioned), None)
    if partitioned and not publication.via_root:
        raise SourceError(
            f'publication "{name}" sends changes of table "{partitioned}" under the names of its partitions',
            detail="They would not be recognised.",
            hint=f"alter publication {quoted(name)} set (publish_via_partition_root = true); then `till resync`.",
        )
