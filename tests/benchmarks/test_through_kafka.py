"""The instruments that need a broker run with a real one, if only for an instant; without Java they are left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import topics
from benchmarks.instruments import THROUGH_KAFKA
from benchmarks.plan import TINY
from benchmarks.run import possible, run
from benchmarks.site import Site
from benchmarks.targets import TARGETS
from tests.services.kafka import Kafka


def test_what_goes_through_kafka_is_measured_and_exact(
    tmp_path: Path, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(topics.EXISTING, kafka.bootstrap)
    with Site(tmp_path, TINY.orders, frugal=True) as site:
        found = run(TINY, THROUGH_KAFKA, site)["results"]
    for target in TARGETS:
        if "Kafka" in target.words and "1,000 changes/s" not in target.heading:
            assert target.value in found[target.heading], target
    assert found["exactness through Kafka"]["different"]["highest"] == 0
    backlog = found["stream, a backlog"]
    assert backlog["changes"]["median"] == TINY.drain_steps * 100
    # A delete is followed by a tombstone.
    assert backlog["messages"]["median"] == TINY.drain_steps * 120
    assert found["stream, from the beginning"]["changes"]["median"] > backlog["changes"]["median"]
    assert found["freshness through Kafka at 500 changes/s"]["probes"]["median"] > 0


def test_without_java_what_needs_a_broker_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv(topics.EXISTING, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert possible(["drain", *THROUGH_KAFKA]) == ["drain"]
    said = capsys.readouterr().err
    assert "Apache Kafka needs Java 17 or newer (there is none)" in said
    assert "left out: stream, freshness-kafka" in said


def test_a_cluster_that_is_named_needs_no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(topics.EXISTING, "127.0.0.1:9")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert possible(THROUGH_KAFKA) == list(THROUGH_KAFKA)
