"""The settings of a stream: addresses, options, topics of others, and secrets that stay ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.run_till import till
from tests.config.test_config import refusal, settings_file
from tillstream.config import load
from tillstream.streaming import TopicSettings


def test_without_a_url_changes_go_straight_to_the_warehouse(tmp_path: Path) -> None:
    assert load(tmp_path, {}).stream.url is None


def test_brokers_without_a_port_have_the_usual_one(tmp_path: Path) -> None:
    settings = load(settings_file(tmp_path, '[stream]\nurl = "kafka://one,two:9093,[::1]:9094"\n'), {})

    assert settings.stream.bootstrap == "one:9092,two:9093,[::1]:9094"
    assert settings.stream.client_options == {}


def test_a_user_in_the_url_becomes_sasl_over_tls_unless_the_options_say_otherwise(tmp_path: Path) -> None:
    text = '[stream]\nurl = { env = "BROKERS" }\n[stream.options]\nsasl.mechanism = "SCRAM-SHA-512"\n'

    settings = load(settings_file(tmp_path, text), {"BROKERS": "kafka://till:hunter%402@one:9092,two:9092"})

    assert settings.stream.bootstrap == "one:9092,two:9092"
    assert settings.stream.client_options == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "till",
        "sasl.password": "hunter@2",
    }
    assert "hunter" not in repr(settings)


def test_options_are_texts_numbers_and_references_dotted_or_quoted(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("-----BEGIN\n")
    text = """
[stream]
url = "kafka://one:9092"
[stream.options]
"security.protocol" = "ssl"
socket.timeout.ms = 5000
enable.ssl.certificate.verification = false
ssl.key.pem = { file = "key" }
sasl.password = { env = "PASSWORD" }
"""
    settings = load(settings_file(tmp_path, text), {"PASSWORD": "hunter2"})

    assert dict(settings.stream.options) == {
        "security.protocol": "ssl",
        "socket.timeout.ms": "5000",
        "enable.ssl.certificate.verification": "false",
        "ssl.key.pem": "-----BEGIN",
        "sasl.password": "hunter2",
    }
    for printed in (repr(settings), settings.stream.options.shown, f"{settings.stream.options}"):
        assert "hunter2" not in printed
        assert "BEGIN" not in printed
        assert "ssl" in printed


def test_a_secret_among_the_options_is_refused_in_the_open_without_showing_it(tmp_path: Path) -> None:
    text = '[stream]\nurl = "kafka://one"\n[stream.options]\nsasl.username = "till"\nsasl.password = "hunter2"\n'
    error = refusal(tmp_path, text)

    assert error.message == 'setting "stream.options.sasl.password" in till.toml:5 holds a secret'
    assert "hunter2" not in f"{error}{error.detail}{error.hint}"
    assert error.hint.startswith('"sasl.password" = { env = "TILL_SASL_PASSWORD" }')


def test_a_password_in_the_brokers_url_is_refused_in_the_file(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[stream]\nurl = "kafka://till:hunter2@one:9092"\n')

    assert error.message == 'setting "stream.url" in till.toml:2 holds a secret'
    assert "hunter2" not in f"{error}{error.detail}{error.hint}"


@pytest.mark.parametrize(
    ("lines", "setting", "problem"),
    [
        ('url = "amqp://one:9092"\n', "stream.url", 'expected "kafka://host:9092,host2:9092"'),
        ('url = "kafka://one:9092/topic"\n', "stream.url", "expected nothing after the hosts"),
        ('url = "kafka://one:a,two"\n', "stream.url", "expected one or more hosts"),
        ('store = "a b"\n', "stream.store", "letters, digits, - and _"),
        ("replication = 0\n", "stream.replication", "expected -1, or 1 to 100"),
        ("options = 7\n", "stream.options", "expected a table"),
        ("options = { acks = [1] }\n", "stream.options.acks", "expected a text or a number"),
        (
            'topics = { "shop.(" = {} }\n',
            "stream.topics.shop.(",
            "expected a topic's name: letters, digits, dots, - and _",
        ),
        ('topics = { "shop.x" = 1 }\n', "stream.topics.shop.x", "expected a table"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_line(tmp_path: Path, lines: str, setting: str, problem: str) -> None:
    error = refusal(tmp_path, f"[stream]\n{lines}")

    assert error.message == f'setting "{setting}" from till.toml:2 does not fit'
    assert problem in error.detail


@pytest.mark.parametrize(
    ("line", "key", "problem"),
    [
        ('kind = "rows"', "kind", 'unknown "kind"; known here: format, key, columns, table'),
        ('format = "xml"', "format", 'expected one of "auto", "envelope", "rows", "avro"'),
        ('key = "id"', "key", "expected a list of columns"),
        ("columns = { amount = 3 }", "columns", "expected types by column"),
        ("table = 3", "table", "expected a text in quotes"),
    ],
)
def test_a_topic_of_others_is_refused_with_its_line(tmp_path: Path, line: str, key: str, problem: str) -> None:
    error = refusal(tmp_path, f'[stream]\nurl = "kafka://one"\n\n[stream.topics."shop.x"]\n{line}\n')

    assert error.message == f'setting "stream.topics.shop.x.{key}" from till.toml:5 does not fit'
    assert problem in error.detail


def test_topics_of_others_have_a_format_a_key_types_and_a_name(tmp_path: Path) -> None:
    text = """
[source]
kind = "kafka"
[stream]
url = "kafka://one"
[stream.topics."shop.public.orders"]
format = "envelope"
[stream.topics.prices]
format = "rows"
key = ["sku"]
columns = { price = "decimal" }
table = "shop.prices"
"""
    topics = load(settings_file(tmp_path, text), {}).stream.topics

    assert topics["shop.public.orders"] == TopicSettings("envelope")
    assert topics["prices"] == TopicSettings("rows", ("sku",), {"price": "decimal"}, "shop.prices")
    assert topics.shown == '["shop.public.orders", "prices"]'


def test_the_environment_gives_options_and_topics_as_json(tmp_path: Path) -> None:
    variables = {
        "TILL_STREAM_URL": "kafka://till:hunter2@one",
        "TILL_STREAM_OPTIONS": json.dumps({"sasl.password": "hunter3", "acks": "all"}),
        "TILL_STREAM_TOPICS": json.dumps({"prices": {"format": "rows", "key": ["sku"]}}),
    }
    settings = load(tmp_path, variables)

    assert settings.stream.client_options["sasl.password"] == "hunter3"
    assert settings.stream.topics["prices"].key == ("sku",)
    assert "hunter" not in repr(settings)


def test_a_store_of_topics_needs_brokers(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[source]\nkind = "kafka"\n')

    assert error.message == "a store that comes from topics needs the brokers' addresses"
    assert error.hint == '[stream] url = "kafka://host:9092"'


def test_config_show_prints_no_secret(tmp_path: Path) -> None:
    text = '[stream]\nurl = { env = "BROKERS" }\n[stream.options]\nsasl.password = { env = "PASSWORD" }\nacks = "all"\n'
    secrets = {"BROKERS": "kafka://till:hunter2@one:9092", "PASSWORD": "hunter3"}

    answer = till("config", "show", "--dir", settings_file(tmp_path, text), "--json", extra=secrets)

    assert answer.status == 0, answer.err
    assert "hunter" not in answer.out + answer.err
    assert answer.last_line["stream.url"]["value"] == "kafka://till:***@one:9092"
    assert answer.last_line["stream.options"]["value"] == '{"sasl.password" = ***, "acks" = "all"}'
