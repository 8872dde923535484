"""Starting to read what can't be read."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg
import pytest

from tillstream.errors import SourceError
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.source import PostgresSource


def fails(kind: type[SourceError], url: str, **settings: Any) -> SourceError:
    """The error that starting to read ends in; nothing in it gives a password away."""
    with closing(PostgresSource(PostgresSettings(url, **settings))) as source:
        with pytest.raises(kind) as raised:
            next(source.read(None))
        password = psycopg.conninfo.conninfo_to_dict(url).get("password")
        assert str(password) not in str(raised.value)
        assert str(password) not in repr(source.settings)
    assert raised.value.hint
    return raised.value
