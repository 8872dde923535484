"""The page's server side: events, status, panels, metrics, actions."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.web.shop import TOKEN, Shop, open_shop
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.errors import ConfigError, LedgerError
from tillstream.web.app import create_app
from tillstream.web.panels import panels
from tillstream.web.server import Server


class Listener:
    """One open page, as far as the server can tell."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.last_id = ""

    def until(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        """The first state that is as wanted."""
        deadline = time.monotonic() + seconds
        seen = None
        for line in self._lines:
            if line.startswith("id: "):
                self.last_id = line.removeprefix("id: ")
            if line.startswith("data: "):
                seen = json.loads(line.removeprefix("data: "))
                if wanted(seen):
                    return dict(seen)
            assert time.monotonic() < deadline, f"not in time; the last state was {seen}"
        raise AssertionError(f"the stream ended; the last state was {seen}")


@contextmanager
def listening(shop: Shop, last_id: str = "") -> Iterator[Listener]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with httpx.stream("GET", f"{shop.url}/events", headers=headers, timeout=60) as answer:
        yield Listener(answer.iter_lines())


def get(shop: Shop, path: str) -> httpx.Response:
    return httpx.get(shop.url + path, timeout=60)


def test_a_landing_is_pushed_with_new_numbers_and_its_age(shop: Shop) -> None:
    with listening(shop) as page:
        first = page.until(lambda state: "today" in state["panels"])
        assert set(first["panels"]) == set(panels())
        assert not [name for name, panel in first["panels"].items() if panel["error"]]
        shop.sell("1234.56", units=3)
        news = page.until(lambda state: state["committed_at"] is not None)
        before, after = first["panels"]["order_funnel"]["rows"][0], news["panels"]["order_funnel"]["rows"][0]
        assert after["placed"] == before["placed"] + 1
        assert news["panels"]["latest_orders"]["rows"][0]["total_amount"] == "1234.56"
        assert "top_categories" not in news["panels"], "nothing changed there"
    status = get(shop, "/api/status").json()
    assert 0 < status["page"]["freshness_p50_ms"] <= status["page"]["freshness_p99_ms"]
    assert 'till_page_freshness_seconds{quantile="0.99"}' in get(shop, "/metrics").text


def test_a_page_that_comes_back_gets_only_what_it_missed(shop: Shop) -> None:
    with listening(shop) as page:
        page.until(lambda state: "today" in state["panels"])
        last_id = page.last_id
    with listening(shop, last_id) as page:
        shop.sell("10.00")
        news = page.until(lambda state: "latest_orders" in state["panels"])
        assert "top_cities" not in news["panels"]
    with listening(shop, "another-99999") as page:
        assert set(page.until(lambda state: True)["panels"]) == set(panels())


def test_nothing_is_read_while_nobody_looks(shop: Shop) -> None:
    shop.sell("10.00")
    assert not shop.live.board.shown
    with listening(shop) as page:
        state = page.until(lambda state: bool(state["panels"]))
        assert state["committed_at"] is None, "a landing from before is not this page's news"


def test_many_landings_become_few_states_and_the_last_one_arrives(shop: Shop) -> None:
    with listening(shop) as page:
        placed = page.until(lambda state: "order_funnel" in state["panels"])["panels"]["order_funnel"]["rows"][0][
            "placed"
        ]
        start = shop.live.state.number
        for _ in range(60):
            shop.sell("1.00")
        page.until(lambda s: s["panels"].get("order_funnel", {"rows": [{}]})["rows"][0].get("placed") == placed + 60)
        assert shop.live.state.number - start < 60


def test_a_panel_that_can_not_be_read_says_why_and_holds_up_no_other(shop: Shop) -> None:
    shop.warehouse.execute("drop table live.stock")
    with listening(shop) as page:
        state = page.until(lambda state: "sold_out" in state["panels"])
        assert "Unknown table" in state["panels"]["sold_out"]["error"]
        assert state["panels"]["today"]["rows"]


def test_a_panel_comes_with_its_query_and_the_last_verification(shop: Shop) -> None:
    shop.live.verified({"exact": False, "started_at": "2026-11-21T10:00:00+00:00", "seconds": 1.0,
                        "tables": [{"layer": "mirror", "table": "orders", "exact": False, "rows": 7}]})  # fmt: skip
    panel = get(shop, "/api/panels/today").json()
    assert panel["sql"] == panels()["today"].sql
    assert panel["rows"][0]["orders"] > 0
    assert panel["verification"]["different"] == ["mirror.orders"]
    assert [each["name"] for each in get(shop, "/api/panels").json()] == list(panels())


def test_a_story_has_the_rows_behind_a_number_and_who_compared_them(shop: Shop) -> None:
    shop.sell("77.00")
    shop.live.verified({"exact": False, "started_at": "2026-11-21T10:00:00+00:00", "seconds": 1.0,
                        "tables": [{"layer": "mirror", "table": "public.orders", "exact": True, "rows": 7},
                                   {"layer": "facts", "table": "facts.fct_orders", "exact": False, "rows": 9,
                                    "different_rows": 2}]})  # fmt: skip
    story = get(shop, "/api/panels/today/story").json()
    assert story["behind"]["rows"][0]["total_amount"] == "77.00"
    assert story["behind"]["error"] == ""
    assert story["parameters"] == {"currency": "USD", "zone": "UTC"}
    found = {check["table"]: (check["exact"], check["rows"], check["different_rows"]) for check in story["checks"]}
    assert found == {
        "mirror.orders": (True, 7, None),
        "facts.fct_orders": (False, 9, 2),
        "live.sales_by_minute_sums": (None, None, None),
    }
    assert story["verification"]["different"] == ["facts.fct_orders"]


def test_rows_that_can_not_be_read_leave_the_rest_of_the_story(shop: Shop) -> None:
    story = get(shop, "/api/panels/top_products/story").json()
    assert "Unknown table" in story["behind"]["error"]
    assert story["rows"]
    assert get(shop, "/api/panels/profit/story").status_code == 404


def test_a_panel_nobody_knows_is_not_found_and_the_known_ones_are_listed(shop: Shop) -> None:
    answer = get(shop, "/api/panels/profit")
    assert answer.status_code == 404
    assert "today" in answer.json()["error"]["hint"]


def test_alive_until_the_pipeline_failed(shop: Shop) -> None:
    assert get(shop, "/livez").status_code == 200
    shop.status["phase"] = "trouble"
    assert get(shop, "/livez").status_code == 200
    shop.status["phase"] = "failed"
    assert get(shop, "/livez").status_code == 503
    assert 'till_phase{phase="failed"} 1' in get(shop, "/metrics").text


def test_the_page_is_locked_down(shop: Shop) -> None:
    answer = get(shop, "/")
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert "access-control-allow-origin" not in answer.headers
    assert "http://" not in answer.text.replace("http://www.w3.org/", "")
    assert get(shop, "/static/../app.py").status_code == 404
    assert httpx.get(shop.url, headers={"Host": "evil.example"}).status_code == 421


def test_scripts_of_an_older_version_are_not_used_again(shop: Shop) -> None:
    answer = get(shop, "/static/page.js")
    assert answer.headers["cache-control"] == "no-cache"
    again = httpx.get(f"{shop.url}/static/page.js", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.headers["cache-control"] == "no-cache"


def test_two_servers_can_not_have_one_port(shop: Shop) -> None:
    port = int(shop.url.rpartition(":")[2])
    with pytest.raises(ConfigError, match=f"port {port} on 127.0.0.1 can't be used") as caught:
        Server(create_app(shop.warehouse, TOKEN), port=port).start()
    assert "port" in caught.value.hint


def test_the_server_stops_though_pages_are_open(shop: Shop) -> None:
    with listening(shop) as page:
        page.until(lambda state: True)
        stopper = threading.Thread(target=shop.server.stop)
        stopper.start()
        stopper.join(8)
        assert not stopper.is_alive()


@pytest.fixture
def acting(tmp_path: Path) -> Iterator[str]:
    def fail(_arguments: Any) -> dict[str, Any]:
        raise LedgerError("the ledger says no", detail="because", hint="ask again")

    shop = open_shop(tmp_path / "warehouse")
    actions = {"double": lambda a: {"n": a["n"] * 2}, "fail": fail}
    server = Server(create_app(shop.warehouse, TOKEN, actions=actions))
    yield server.start()
    server.stop()
    shop.warehouse.close()


def test_actions_need_the_token_and_answer_in_json(acting: str) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    double = f"{acting}/api/actions/double"
    assert httpx.post(double, json={"n": 21}, headers=bearer).json() == {"n": 42}
    assert httpx.post(double, json={"n": 21}).status_code == 401
    assert httpx.post(double, json={"n": 21}, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert httpx.get(double, headers=bearer).status_code == 405
    assert httpx.post(double, json=[1], headers=bearer).status_code == 400
    assert httpx.post(double, content=b"{", headers=bearer).status_code == 400
    assert httpx.post(f"{acting}/api/actions/halve", json={}, headers=bearer).json()["error"]["hint"] == (
        "There are: double, fail."
    )


def test_an_action_that_breaks_says_so_in_json(acting: str) -> None:
    answer = httpx.post(f"{acting}/api/actions/double", json={}, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "unexpected KeyError"


def test_an_action_that_fails_says_so_in_the_words_of_its_error(acting: str) -> None:
    answer = httpx.post(f"{acting}/api/actions/fail", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 409
    assert answer.json()["error"] == {"message": "the ledger says no", "detail": "because", "hint": "ask again"}


def test_a_public_server_answers_other_names_only_to_those_with_the_token(shop: Shop) -> None:
    server = Server(create_app(shop.warehouse, TOKEN, public=True))
    url = server.start()
    try:
        elsewhere = {"Host": "shop.example"}
        refused = httpx.get(url, headers=elsewhere)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Basic")
        assert httpx.post(url, headers=elsewhere, content="select 1").status_code == 401
        assert httpx.get(url, headers=elsewhere, auth=("till", "wrong")).status_code == 401
        assert httpx.get(url, headers=elsewhere, auth=("till", TOKEN)).status_code == 200
        assert httpx.get(url).status_code == 200, "on this machine reading stays open"
    finally:
        server.stop()


def test_a_warehouse_that_is_a_server_has_no_endpoint_here() -> None:
    server = Server(create_app(Warehouse("clickhouse://127.0.0.1:1"), TOKEN))
    url = server.start()
    try:
        answer = httpx.post(url, content="select 1")
        assert (answer.status_code, answer.text) == (404, "The warehouse is a server of its own: connect to it.\n")
        assert httpx.get(f"{url}/api/panels/today").json()["error"]
        assert httpx.get(url).status_code == 200
    finally:
        server.stop()
