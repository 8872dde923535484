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
    # The engine takes a dollar inside of a name; a tokenizer that does not sees a string from one to the next.
    f"select 1 as a$b$, file('{SECRET}'), 2 as c$b$",
    f"select * from `{SECRET}`",
    f"describe table '{SECRET}'",
    f"explain query tree select file('{SECRET}')",
    f"explain syntax select (select file('{SECRET}'))",
    "explain table override mysql('a', 'b', 'c', 'd', 'e') columns (x int)",
    f"select n from live.numbers where word in file('{SECRET}', 'LineAsString')",
    "select * from remoteSecure('127.0.0.1', 'system.one')",
    "select * from cluster('default', 'system', 'processes')",
    "select * from clusterAllReplicas('default', system.processes)",
    "select * from loop('system', 'processes')",
    "select * from dictionary('x')",
    "select * from mergeTreeIndex('live', 'numbers')",
    "select * from view(select * from system.processes)",
    "select * from viewIfPermitted(select * from system.processes else null('x String'))",
    "select * from sqlite('/tmp/x', 'y')",
    "select * from odbc('a', 'b', 'c')",
    "select * from hdfs('hdfs://127.0.0.1:1/x', 'CSV')",
    "select * from input('a Int8')",
    "select * from `SYSTEM`.query_log",
    "select aiGenerate('x', 'say it')",
    "select getClientHTTPHeader('x-clickhouse-key')",
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
    "select * from (select 1 settings max_memory_usage = 0)",
    "select * from (select 1 settings additional_result_filter = '1')",
    "select * from (select 1 settings max_threads = 1, max_execution_time = 0)",
    "select 1 format Template settings format_template_row = '/etc/passwd'",
    "create function f as x -> file(x)",
    "create view live.v as select * from file('/etc/passwd', 'LineAsString')",
    "create dictionary live.d (a Int8) primary key a source(file(path '/etc/passwd' format 'CSV')) layout(flat())",
    "detach table live.numbers",
    "exchange tables live.numbers and live.other",
    "undrop table live.numbers",
    "explain ast drop table live.numbers; drop table live.numbers",
    "watch live.numbers",
    "commit",
    "check table live.numbers",
    "copy live.numbers to '/tmp/never'",
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


LIFTING = {
    "readonly": "0",
    "dialect": "kusto",
    "allow_ddl": "1",
    "allow_introspection_functions": "1",
    "implicit_select": "1",
    "additional_table_filters": f"{{'live.numbers': 'length(file(\\'{SECRET}\\')) = n'}}",
    "additional_result_filter": f"throwIf(file('{SECRET}') != '', 'x')",
    "format_template_row": SECRET,
    "format_template_resultset": SECRET,
    "format_schema": f"{SECRET}:Message",
    "output_format_schema": "/tmp/never",
    "format_avro_schema_registry_url": "http://127.0.0.1:1",
    "url_base": "http://127.0.0.1:1",
    "max_execution_time": "0",
    "max_memory_usage": "0",
    "max_temporary_data_on_disk_size_for_query": "0",
    "max_bytes_before_external_sort": "0",
    "max_threads": "100000",
    "log_queries": "0",
    "profile": "default",
    "role": "default",
    "enable_http_compression ": "1",
    "MAX_EXECUTION_TIME": "0",
    "": "1",
}


@pytest.mark.parametrize(("name", "value"), LIFTING.items())
def test_a_reader_does_not_lift_the_walls_by_a_setting(world: World, name: str, value: str) -> None:
    answer = world.ask("select n from live.numbers format Template", params={name: value})
    # Two of them are no settings but parameters of a transport that has no roles and profiles: they do nothing.
    if name in ("profile", "role"):
        assert "root:" not in answer.text
    else:
        assert answer.headers["x-clickhouse-exception-code"] == "164"


@pytest.mark.parametrize(
    "value", ["00", "-1", "1e9", " 1", "1 ", "0x1", "inf", "٣", "99999999999999999999", "121", "1; set readonly = 0"]
)
def test_a_limit_is_a_plain_number_below_the_most(world: World, value: str) -> None:
    assert world.ask("select 1", params={"max_execution_time": value}).headers["x-clickhouse-exception-code"] == "164"


def test_a_reader_may_ask_for_less_and_for_another_look(world: World) -> None:
    params = {"max_execution_time": "5", "max_result_rows": "10", "output_format_json_quote_64bit_integers": "1",
              "extremes": "0", "join_use_nulls": "1", "session_timezone": "Asia/Tokyo"}  # fmt: skip
    assert world.ask("select 1", params=params).text == "1\n"


@pytest.mark.parametrize("name", ["ArrowTable", "DataFrame", "DataStore", "dataframe"])
def test_a_format_that_makes_python_objects_is_none(world: World, name: str) -> None:
    assert world.ask(f"select 1 format {name}").headers["x-clickhouse-exception-code"] == "73"
    assert world.ask("select 1", params={"default_format": name}).headers["x-clickhouse-exception-code"] == "73"


def test_system_names_can_not_be_reached_by_a_side_door(world: World) -> None:
    assert world.ask("select * from processes", params={"database": "system"}).status_code >= 400
    assert world.ask("select * from processes", headers={"X-ClickHouse-Database": "SYSTEM"}).status_code >= 400
    for database in ("system", "`system`", " SYSTEM", "system.processes"):
        by_parameter = {"param_d": database, "param_t": "processes"}
        for kind in ("Identifier", "IDENTIFIER", "`Identifier`", "/**/Identifier"):
            answer = world.ask(f"select * from {{d:{kind}}}.{{t:Identifier}}", params=by_parameter)
            assert answer.status_code >= 400


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
        "select * from (select 1 settings join_use_nulls = 1)",
        "select name, value from system.settings where name = 'max_threads'",
        "select 1 as settings, 2 as $a",
        "select 1 as a$b",
        "select * from information_schema.tables limit 1",
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
    "select 1 as a$b$, {f}{b}('{path}'), 2 as c$b$",
    "select 1 as $b$a$b$, {f}('{path}') as $b$",
    "select 1 as `$x$`, {f}('{path}') as `$x$`",
    "select x'41', {f}('{path}'), b'01'",
    "select 1.5e3, {f}{b}('{path}')",
    "select * from (select 1 as a) where a in ({f}('{path}'))",
    "select exists(select {f}('{path}'))",
    "select if(1, {f}('{path}'), '')",
    "select [{f}('{path}')][1], {{'a': {f}('{path}')}}",
    "select 'x' || {f}('{path}') order by {f}('{path}') limit by {f}('{path}')",
    "select 1 /* /* */ , {f}('{path}') -- */",
    "select 1 #!\r\n, {f}('{path}')",
    "select throwIf(1, {f}('{path}'))",
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
