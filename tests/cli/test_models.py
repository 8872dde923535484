"""`till models test`, while a process runs and without one."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Start, wait_until_live
from tests.cli.run_till import till


def test_the_tests_of_a_model_are_run_and_counted(folder: Path) -> None:
    answer = till("models", "test", "--select", "sales_by_minute", "--json", "--dir", folder)

    assert answer.status == 0, answer.err
    assert answer.last_line["passed"]
    assert answer.last_line["tests"] > 0


def test_a_test_that_fails_is_named_while_a_process_runs(folder: Path, start: Start) -> None:
    process = start("run", "--dir", folder)
    wait_until_live(folder, process)
    wrong = "insert into live.sales_by_day_sums (day, currency, orders, revenue) values ('2020-01-01', 'USD', 1, 5)"
    assert till("query", "--write", wrong, "--dir", folder).status == 0

    answer = till("models", "test", "--select", "sales_by_day", "--dir", folder)

    assert answer.status == 1, answer.out + answer.err
    assert 'error: test "' in answer.err
    assert "sales_by_day" in answer.err
    assert "Its compiled SQL is in" in answer.err


def test_a_choice_of_nothing_is_refused(folder: Path) -> None:
    answer = till("models", "test", "--select", "no_such_model", "--dir", folder)

    assert answer.status == 2
    assert 'error: no test is chosen by "no_such_model"' in answer.err


def test_without_a_profile_there_are_no_models(tmp_path: Path) -> None:
    (tmp_path / "till.toml").write_text(
        '[store]\nprofile = "none"\n[source]\nurl = "postgresql://till@127.0.0.1:1/store"\n'
    )

    answer = till("models", "test", "--dir", tmp_path)

    assert answer.status == 2
    assert f'error: folder "{tmp_path}" has no models' in answer.err
    assert "store.profile" in answer.err
