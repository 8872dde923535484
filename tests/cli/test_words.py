"""What every command has in common: help, version, errors, quiet pipes."""

from pathlib import Path

import pytest

from tests.cli.run_till import till

COMMANDS = ("demo", "init", "run", "status", "verify", "query", "simulate", "doctor")


def test_the_version_is_printed() -> None:
    answer = till("--version")

    assert (answer.status, answer.out) == (0, "tillstream 0.1.0\n")


def test_help_names_every_command() -> None:
    answer = till("--help")

    assert answer.status == 0
    assert [name for name in COMMANDS if f" {name} " not in answer.out] == []


@pytest.mark.parametrize("command", [*COMMANDS, "config show"])
def test_every_command_takes_json_and_all_but_simulate_a_folder(command: str) -> None:
    answer = till(*command.split(), "--help")

    assert "--json" in answer.out
    assert ("--dir" in answer.out) is (command != "simulate")


def test_an_error_is_told_in_three_lines_without_a_trace(tmp_path: Path) -> None:
    answer = till("run", "--dir", tmp_path)

    assert answer.status == 2
    assert answer.out == ""
    assert answer.err == (
        f'error: no source in "{tmp_path}/till.toml"\n'
        "  detail: The setting source.url is not set.\n"
        "  hint:   till init postgresql://user@host/database\n"
    )


def test_debug_shows_where_an_error_came_from(tmp_path: Path) -> None:
    answer = till("--debug", "run", "--dir", tmp_path)

    assert "Traceback" in answer.err
    assert "ConfigError" in answer.err


def test_a_duration_that_is_none_is_refused() -> None:
    answer = till("demo", "--for", "soon")

    assert answer.status == 2
    assert 'expected a duration like "250 ms"' in answer.err


def test_status_of_an_empty_folder_says_so(tmp_path: Path) -> None:
    answer = till("status", "--dir", tmp_path)
    assert (answer.status, answer.out.splitlines()[0]) == (1, f'nothing runs in "{tmp_path}"')

    answer = till("status", "--dir", tmp_path, "--json")
    assert (answer.status, answer.last_line) == (1, {"running": False, "phase": "stopped"})


def test_config_show_prints_value_and_origin(tmp_path: Path) -> None:
    (tmp_path / "till.toml").write_text("[batch]\nrows = 5\n")

    answer = till("config", "show", "--dir", tmp_path, "--json", extra={"TILL_STORE_CURRENCY": "NOK"})

    assert answer.last_line["batch.rows"] == {"value": "5", "origin": "till.toml:2"}
    assert answer.last_line["store.currency"] == {"value": "NOK", "origin": "environment TILL_STORE_CURRENCY"}
    assert answer.last_line["batch.age"]["origin"] == "default"


def test_a_mistake_in_till_toml_stops_every_command(tmp_path: Path) -> None:
    (tmp_path / "till.toml").write_text("[batch]\nrow = 5\n")

    answer = till("run", "--dir", tmp_path)

    assert answer.status == 2
    assert 'error: unknown setting "batch.row" in till.toml:2' in answer.err
    assert 'Did you mean "rows"?' in answer.err
