"""Taking a statement apart, whatever is in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillstream.web.statement import parse, tokens

PIECES = st.sampled_from(
    [
        "select",
        "insert into t",
        "format",
        "CSV",
        "values",
        "'",
        '"',
        "`",
        "--",
        "/*",
        "*/",
        "\n",
        ";",
        "(",
        ")",
        "$$",
        "x",
    ]
)


@given(st.lists(PIECES | st.text(max_size=3)))
def test_tokens_cover_a_text_in_order(pieces: list[str]) -> None:
    text = " ".join(pieces)
    end = 0
    for token in tokens(text):
        assert token.start >= end
        assert text[token.start : token.end] == token.text
        end = token.end


@given(st.binary(max_size=200))
def test_any_bytes_can_be_taken_apart(text: bytes) -> None:
    parse(text)


@given(st.lists(PIECES | st.text(max_size=3)))
def test_nothing_of_a_text_is_lost_but_its_end(pieces: list[str]) -> None:
    text = " ".join(pieces).encode()
    statement = parse(text)
    assert text.startswith(statement.sql)
    if statement.data is not None:
        assert text.endswith(statement.data)


@given(st.binary(max_size=50))
def test_data_behind_an_insert_is_kept_byte_for_byte(data: bytes) -> None:
    statement = parse(b"INSERT INTO t (a, `format`) SETTINGS x = 'format CSV' FORMAT Native\n" + data)
    assert (statement.format, statement.data) == ("Native", data)
    assert statement.sql == b"INSERT INTO t (a, `format`) SETTINGS x = 'format CSV' "


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("select 1 format JSON", "JSON"),
        ("select 1 format JSON;", "JSON"),
        ("select 1 format JSON settings max_threads = 1", "JSON"),
        ("select format('{}', 1)", None),
        ("select * from (select 1 format JSON)", None),
        ("select ' format JSON'", None),
        ("select 1 -- format JSON", None),
        ("select `format` CSV from t format TSV", "TSV"),
    ],
)
def test_the_format_is_the_statements_own(text: str, form: str | None) -> None:
    assert parse(text.encode()).format == form


def test_what_follows_a_semicolon_is_seen() -> None:
    assert parse(b"select 1; drop table x").has_more
    assert not parse(b"select 1 ; -- drop table x").has_more
    assert not parse(b"select ';'").has_more


def test_a_with_that_inserts_is_an_insert() -> None:
    assert parse(b"with a as (select 1) insert into t select * from a").is_insert
    assert not parse(b"with a as (select 'insert') select * from a").is_insert
