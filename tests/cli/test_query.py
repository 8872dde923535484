"""`till query` on a folder where nothing runs."""

import json
from pathlib import Path

import pytest

from tests.cli.run_till import till
from tillstream.flow.folder import hold


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("query")
    (place / "warehouse").mkdir()
    made = till(
        "query",
        "create table default.t engine MergeTree order by n as select 1 as n, 'a' as s",
        "--write",
        "--dir",
        place,
    )
    assert made.status == 0, made.err
    return place


def test_a_pipe_gets_tab_separated_text(folder: Path) -> None:
    answer = till("query", "select n, s from t", "--dir", folder)

    assert (answer.status, answer.out) == (0, "n\ts\n1\ta\n")


def test_json_is_one_object_a_row(folder: Path) -> None:
    answer = till("query", "select n, s from t", "--json", "--dir", folder)

    assert json.loads(answer.out) == {"n": 1, "s": "a"}


def test_any_format_can_be_asked_for(folder: Path) -> None:
    answer = till("query", "select n, s from t", "--format", "CSVWithNames", "--dir", folder)

    assert answer.out == '"n","s"\n1,"a"\n'


def test_nothing_can_be_changed_by_default(folder: Path) -> None:
    answer = till("query", "drop table t", "--dir", folder)

    assert answer.status == 2
    assert "readonly" in answer.err
    assert till("query", "select count() from t", "--dir", folder, "--format", "TSV").out == "1\n"


def test_a_mistake_in_sql_is_told_as_the_engine_tells_it(folder: Path) -> None:
    answer = till("query", "select nothing from t", "--dir", folder)

    assert answer.status == 2
    assert "UNKNOWN_IDENTIFIER" in answer.err


def test_a_folder_without_a_warehouse_is_named(tmp_path: Path) -> None:
    answer = till("query", "select 1", "--dir", tmp_path)

    assert answer.status == 2
    assert f'error: there is no warehouse at "{tmp_path}/warehouse"' in answer.err
    assert "till demo" in answer.err


def test_a_process_that_does_not_serve_yet_is_named(folder: Path) -> None:
    with hold(folder):
        answer = till("query", "select 1", "--dir", folder)

    assert answer.status == 2
    assert "is starting or stopping" in answer.err
