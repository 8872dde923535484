"""What a reader must not get at. Each text was tried against the engine: `readonly` alone lets it through."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.conftest import World

SECRET = "/etc/passwd"

REACHING_OUT = [
    f"select file('{SECRET}')",
    f"select `file`('{SECRET}')",
    f"select \"file\"('{SECRET}')",
    f"select `fi\\x6ce`('{SECRET}')",
    f"select \u201cfile\u201d('{SECRET}')",
    f"select\u00a0file('{SECRET}')",
    f"select file /* x */ ('{SECRET}')",
    f"select arrayMap(file, ['{SECRET}'])",
    f"select * apply(file) from values('a String', '{SECRET}')",
    f"select columns('a') apply file from values('a String', '{SECRET}')",
    f"with (select file('{SECRET}')) as f select f",
    f"select * from file('{SECRET}', 'LineAsString')",
    f"describe file('{SECRET}', 'LineAsString')",
    f"from file('{SECRET}', 'LineAsString') select *",
    "select * from url('http://127.0.0.1:1/', 'LineAsString')",
    "select * from remote('127.0.0.1', 'system.one')",
    "select * from s3('http://127.0.0.1:1/bucket/key', 'CSV')",
    "select * from mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "select * from postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "select * from executable('ls', 'TSV', 'a String')",
    "select * from Python(http)",
    "select * from python(http)",
    "select * from merge('system', '.*')",
    "select * from eval('select 1')",
    "show processlist",
    "select query from system.processes",
    "select query from `system`.`processes`",
    "select query from system . /* */ processes",
]

WRITING = [
    "insert into live.numbers values (1, 'a')",
    "insert into function file('/tmp/never', 'CSV', 'a Int8') select 1",
    "create table live.never (a Int8) order by a",
    "create temporary table never (a Int8)",
    "drop table live.numbers",
    "truncate table live.numbers",
    "alter table live.numbers delete where 1",
    "delete from live.numbers where 1",
    "optimize table live.numbers",
    "rename table live.numbers to live.other",
    "system stop merges",
    "kill query where 1",
    "set max_threads = 1",
    "use system",
    "attach table x",
    "backup table live.numbers to File('x')",
    "grant select on *.* to default",
    "create user mallory",
    "execute as mallory",
    "with a as (select 1) insert into live.numbers select 1, 'a'",
    "select 1; drop table live.numbers",
    "/* select */ drop table live.numbers",
    "select 1 settings readonly = 0",
    "select 1 settings dialect = 'kusto'",
    "select 1 parallel with drop table live.numbers",
]


@pytest.mark.parametrize("sql", REACHING_OUT + WRITING)
def test_a_reader_is_refused(world: World, sql: str) -> None:
    answer = world.ask(sql)
    assert answer.status_code >= 400
    assert answer.headers["x-clickhouse-exception-code"] in ("62", "164", "497")
    assert "root:" not in answer.text
    assert world.rows("select count() from live.numbers") == [[1000]]


def test_a_reader_writes_no_file(world: World, tmp_path: Path) -> None:
    target = tmp_path / "out"
    for sql in (f"select 1 into outfile '{target}'", f"show tables into outfile '{target}'"):
        assert world.ask(sql).headers["x-clickhouse-exception-code"] == "497"
    assert not target.exists()


@pytest.mark.parametrize("name", ["readonly", "dialect", "allow_ddl", "allow_experimental_anything", "implicit_select"])
def test_a_reader_does_not_lift_the_walls_by_a_setting(world: World, name: str) -> None:
    assert world.ask("select 1", params={name: "0"}).headers["x-clickhouse-exception-code"] == "164"


def test_system_names_can_not_be_reached_by_a_side_door(world: World) -> None:
    assert world.ask("select * from processes", params={"database": "system"}).status_code >= 400
    by_parameter = {"param_d": "system", "param_t": "processes"}
    assert world.ask("select * from {d:Identifier}.{t:Identifier}", params=by_parameter).status_code >= 400


@pytest.mark.parametrize(
    "sql",
    [
        "select 'drop table x; file(1)'",
        "select 1 -- ; drop",
        "select 1 as `file name`",
        "(select 1) union all (select 2)",
        "with x as (select 1 as y) select y from x",
        "explain select 1",
        "exists table live.numbers",
        "describe table live.numbers",
        "show tables from live",
        "show create table live.numbers",
        "show databases",
        "select name from system.tables where database = 'live'",
        "select format('{}', 'x'), $$it's; fine$$",
        "select * from numbers(3)",
        "from live.numbers select count()",
        "select 1 format Null",
    ],
)
def test_a_reader_reads(world: World, sql: str) -> None:
    answer = world.ask(sql)
    assert answer.is_success, answer.text


SECRET_WORDS = "a word that nobody may read"
BLANKS = st.sampled_from([" ", "\n", "\t", "/* x */", "-- x\n", "\u00a0", "\ufeff", ""])
SPELLINGS = st.sampled_from(
    ["file", "FILE", "File", "`file`", '"file"', "`fi\\x6ce`", "\u201cfile\u201d", "`f``ile`", "fi/**/le"]
)
CALLS = st.sampled_from([
    "select {f}{b}('{path}')",
    "select 'a', {f}{b}('{path}') as x",
    "select length('('), {f}{b}('{path}')",
    "select $$'$$, {f}{b}('{path}')",
    "select '\\'', {f}{b}('{path}') -- '",
    "select arrayMap({b}{f}{b}, ['{path}'])",
    "select arrayMap(x ->{b}{f}{b}(x), ['{path}'])",
    "select *{b}apply({f}) from values('a String', '{path}')",
    "select * from{b}{f}{b}('{path}', 'LineAsString')",
    "with{b}{f}('{path}') as x select x",
    "describe{b}{f}('{path}', 'LineAsString')",
    "select 1 union all select toUInt8(length({f}{b}('{path}')))",
    "select * from view(select {f}('{path}'))",
    "explain select {f}('{path}')",
    "from{b}{f}{b}('{path}', 'LineAsString')",
    "{f}{b}('{path}', 'LineAsString')",
])  # fmt: skip


STARTS = st.sampled_from(["", "/* */", "\n--\n", "( "])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(STARTS, CALLS, SPELLINGS, BLANKS))
def test_no_spelling_of_a_call_reads_a_file(world: World, secret: Path, parts: tuple[str, str, str, str]) -> None:
    start, call, spelling, blank = parts
    sql = start + call.format(f=spelling, b=blank, path=secret) + (")" if "(" in start else "")
    whole = world.ask(sql)
    assert whole.status_code >= 400 or spelling == "`f``ile`", sql
    cut = len(sql) // 2
    for answer in (whole, world.ask(sql[cut:], params={"query": sql[:cut]})):
        assert SECRET_WORDS not in answer.text


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "secret"
    path.write_text(SECRET_WORDS)
    return path
