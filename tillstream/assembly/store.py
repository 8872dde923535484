"""The store's side: where changes are from, and what the tables mean."""

from __future__ import annotations

from collections.abc import Collection

import psycopg

from tillstream.errors import SourceUnreachable
from tillstream.settings import NO_PROFILE, Settings
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.source import PostgresSource
from tillstream.stores.profile import Profile, known_profiles, load_profile


def profile_of(settings: Settings) -> Profile:
    """What is known of the store; nothing but its tables when the profile is "none"."""
    if settings.store.profile == NO_PROFILE:
        return Profile(NO_PROFILE, schema="public", views="", tables=())
    name = settings.store.profile
    return load_profile(str(settings.folder / name) if name.endswith(".toml") else name)


def recognised(names: Collection[str]) -> str:
    """The profile of a store that has tables of these names; "none" when none fits."""
    for name in known_profiles():
        if set(load_profile(name).tables) <= set(names):
            return name
    return NO_PROFILE


def open_source(settings: Settings, url: str, profile: Profile | None = None) -> PostgresSource:
    """The database that the settings name."""
    profile = profile or profile_of(settings)
    excluded = [f"{profile.schema}.{column}" for column in sorted(profile.excluded)]
    return PostgresSource(
        PostgresSettings(
            url=url,
            slot=settings.source.slot,
            publication=settings.source.publication,
            tables=settings.source.tables,
            exclude=(*settings.source.exclude, *excluded),
            insert_only=settings.source.insert_only,
            limits=settings.batch,
        )
    )


def log_end(url: str) -> int:
    """How far the store's log has been written."""
    return _position(url, "select pg_current_wal_lsn() - '0/0'::pg_lsn")


def captured_until(url: str, slot: str) -> int:
    """Up to where of its log the store was told that it may forget, because it is in safe hands; 0 if never."""
    return _position(
        url, "select confirmed_flush_lsn - '0/0'::pg_lsn from pg_replication_slots where slot_name = %s", slot
    )


def is_followed(url: str, slot: str) -> bool:
    """Whether somebody reads the slot now."""
    sql = "select active::int from pg_replication_slots where slot_name = %s"
    return bool(_position(url, sql, slot))


def _position(url: str, sql: str, *values: str) -> int:
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute(sql, values).fetchone()
    except psycopg.OperationalError as error:
        raise SourceUnreachable("no connection to the store", detail=str(error).strip()) from error
    return int(row[0]) if row is not None and row[0] is not None else 0
