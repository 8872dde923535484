"""Settings: typed, with origins, and every mistake named."""

from datetime import timedelta
from pathlib import Path

import pytest

from tillstream.commands.init import text
from tillstream.config import load
from tillstream.errors import ConfigError
from tillstream.quantities import Size, parse_duration, parse_size
from tillstream.setting import Secret, Url
from tillstream.settings import shown, table_of_settings


def settings_file(folder: Path, text: str) -> Path:
    (folder / "till.toml").write_text(text)
    return folder


def refusal(folder: Path, text: str, variables: dict[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(settings_file(folder, text), variables or {})
    return caught.value


def test_the_file_that_is_written_for_a_beginning_can_be_read(tmp_path: Path) -> None:
    settings = load(settings_file(tmp_path, text('"postgresql://till@shop/store"', "none")), {})

    assert settings.source_url == "postgresql://till@shop/store"
    assert settings.store.profile == "none"
    assert settings.batch == load(tmp_path / "elsewhere", {}).batch


def test_without_a_file_every_setting_has_its_default(tmp_path: Path) -> None:
    settings = load(tmp_path, {})

    assert settings.batch.rows == 50_000
    assert settings.warehouse_url == f"chdb://{tmp_path}/warehouse"
    assert set(settings.origins.values()) == {"default"}


def test_values_are_typed_and_know_their_line(tmp_path: Path) -> None:
    text = (
        '[batch]\nrows = 10\nbytes = "2 MiB"\n\n[store]\ntime_zone = "Europe/Oslo"\n[source]\ntables = ["a.b", "c.d"]\n'
    )

    settings = load(settings_file(tmp_path, text), {})

    assert settings.batch.rows == 10
    assert settings.batch.bytes == Size(2 << 20)
    assert settings.source.tables == ("a.b", "c.d")
    assert settings.origins["batch.bytes"] == "till.toml:3"
    assert settings.origins["store.time_zone"] == "till.toml:6"
    assert settings.origins["batch.age"] == "default"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    folder = settings_file(tmp_path, '[batch]\nage = "2 s"\n')

    settings = load(folder, {"TILL_BATCH_AGE": "5 s", "TILL_SOURCE_TABLES": "a.b, c.d", "TILL_PAGE_PORT": "8080"})

    assert settings.batch.age == timedelta(seconds=5)
    assert settings.source.tables == ("a.b", "c.d")
    assert settings.page.port == 8080
    assert settings.origins["batch.age"] == "environment TILL_BATCH_AGE"


def test_an_unknown_setting_is_refused_with_the_known_ones_and_the_closest(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[source]\nkind = "postgres"\npublicaton = "x"\n')

    assert error.message == 'unknown setting "source.publicaton" in till.toml:3'
    assert error.detail == "Known here: kind, url, slot, publication, tables, exclude, insert_only."
    assert error.hint == 'Did you mean "publication"?'


def test_an_unknown_section_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    error = refusal(tmp_path, "\n[sourc]\nx = 1\n")

    assert error.message == 'unknown setting "[sourc]" in till.toml:2'
    assert error.detail == "Known here: store, source, stream, warehouse, batch, page, models, log."
    assert error.hint == 'Did you mean "source"?'


def test_a_setting_outside_its_section_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, "batch = 5\n")

    assert error.message == '"batch" in till.toml:1 is a section, not a setting'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[batch]\nage = "2 parsecs"\n', 'expected a duration like "250 ms"'),
        ('[batch]\nbytes = "many"\n', 'expected a size like "512 KiB"'),
        ("[batch]\nrows = true\n", "expected a whole number"),
        ("[batch]\nrows = 0\n", "expected 1 to 10000000"),
        ("[batch]\nage = 2\n", "expected a text in quotes"),
        ('[source]\nkind = "oracle"\n', 'expected one of "postgres", "kafka", "demo"'),
        ('[source]\nslot = "Till Slot"\n', "lower-case letters"),
        ("[source]\ntables = [1]\n", "expected a list of texts"),
        ('[store]\ntime_zone = "Mars/Phobos"\n', 'expected a name like "Europe/Lisbon"'),
        ('[store]\ncurrency = "dollars"\n', 'expected three capitals, like "EUR"'),
        ("[page]\nport = 70000\n", "expected 0 to 65535"),
        ('[source]\nurl = "postgresql://x:[::1/db"\n', "expected a URL"),
        ('[source]\nurl = "postgresql://u:pa@ss@host/db"\n', '%40 for "@"'),
        ('[source]\nurl = "postgresql://u:pa/ss@host/db"\n', '%2F for "/"'),
        ('[log]\nformat = "xml"\n', 'expected one of "text", "json"'),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_was_expected(tmp_path: Path, text: str, problem: str) -> None:
    error = refusal(tmp_path, text)

    assert "does not fit" in error.message
    assert "till.toml:2" in error.message
    assert problem in error.detail


def test_what_is_no_toml_is_refused_with_the_place(tmp_path: Path) -> None:
    error = refusal(tmp_path, "[source\n")

    assert error.message.endswith('till.toml" is not TOML')
    assert "line 1" in error.detail


def test_a_secret_comes_by_reference_and_can_not_be_printed(tmp_path: Path) -> None:
    text = '[source]\nurl = { env = "STORE_URL" }\n[page]\ntoken = { file = "token" }\n'
    (tmp_path / "token").write_text("very-secret\n")

    settings = load(settings_file(tmp_path, text), {"STORE_URL": "postgresql://till:hunter2@shop/store"})

    assert settings.source_url == "postgresql://till:hunter2@shop/store"
    assert settings.page.token == Secret("very-secret")
    assert "hunter2" not in repr(settings)
    assert "very-secret" not in repr(settings)
    assert settings.source.url is not None
    assert settings.source.url.shown == "postgresql://till:***@shop/store"
    assert settings.origins["source.url"] == "till.toml:2, environment STORE_URL"
    assert settings.origins["page.token"] == "till.toml:4, file token"


def test_a_password_in_the_file_is_refused_without_showing_it(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[source]\nurl = "postgresql://till:hunter2@shop/store"\n')

    assert error.message == 'setting "source.url" in till.toml:2 holds a secret'
    assert "hunter2" not in str(error)
    assert "{ env = " in error.hint


def test_a_url_may_name_several_hosts(tmp_path: Path) -> None:
    url = "postgresql://till@one:5432,two:5433/db?target_session_attrs=read-write"
    settings = load(settings_file(tmp_path, f'[source]\nurl = "{url}"\n'), {})

    assert settings.source_url == url


def test_a_url_without_a_password_may_stand_in_the_file(tmp_path: Path) -> None:
    settings = load(settings_file(tmp_path, '[source]\nurl = "postgresql://till@shop/store"\n'), {})

    assert settings.source.url == Url("postgresql://till@shop/store")


def test_a_reference_to_a_missing_variable_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[source]\nurl = { env = "STORE_URL" }\n')

    assert error.message == 'environment variable "STORE_URL" is not set'
    assert error.hint == "export STORE_URL=…"


def test_a_reference_to_a_missing_file_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[source]\nurl = { file = "nowhere" }\n')

    assert error.message == f'file "{tmp_path}/nowhere" can\'t be read'


def test_a_reference_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[source]\nurl = { vault = "x" }\n')

    assert error.message == 'setting "source.url" in till.toml:2 is no reference'
    assert error.detail == "Known keys of a reference: env, file. Found: vault."


def test_the_page_leaves_loopback_only_with_a_token(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[page]\nhost = "0.0.0.0"\n')
    assert error.message == 'the page may not listen on "0.0.0.0" without a token'

    settings = load(tmp_path, {"TILL_PAGE_TOKEN": "secret"})
    assert settings.page.host == "0.0.0.0"


def test_a_source_that_is_not_set_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _ = load(tmp_path, {}).source_url

    assert caught.value.hint == "till init postgresql://user@host/database"


def test_a_demo_folder_needs_no_file(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()

    settings = load(tmp_path, {})

    assert settings.source.kind == "demo"
    assert settings.origins["source.kind"] == "demo folder"


@pytest.mark.parametrize(
    ("url", "folder"),
    [("chdb:", "warehouse"), ("chdb:other", "other"), ("chdb://other", "other"), ("chdb:///x/y", "/x/y")],
)
def test_the_embedded_warehouse_is_found_relative_to_the_folder(tmp_path: Path, url: str, folder: str) -> None:
    settings = load(tmp_path, {"TILL_WAREHOUSE_URL": url})

    assert settings.warehouse_url == f"chdb://{tmp_path / folder}"


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("250 ms", 250), ("2s", 2000), ("5 min", 300_000), ("5m", 300_000), ("1 h", 3_600_000)]
)
def test_durations_are_read_and_shown(text: str, milliseconds: int) -> None:
    duration = parse_duration(text)

    assert duration == timedelta(milliseconds=milliseconds)
    assert parse_duration(shown(duration)) == duration


@pytest.mark.parametrize(("text", "count"), [("512 KiB", 512 << 10), ("16MiB", 16 << 20), ("1.5 GiB", 3 << 29)])
def test_sizes_are_read_and_shown(text: str, count: int) -> None:
    size = parse_size(text)

    assert size == count
    assert parse_size(str(size)) == size


def test_every_setting_has_help() -> None:
    assert [row.full_name for row in table_of_settings() if not row.help.endswith(".")] == []
