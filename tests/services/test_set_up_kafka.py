"""What a person reads when Kafka can't be set up, and what is never taken for a whole set-up."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import set_up_kafka
from scripts.set_up_kafka import Missing, cache_folder, check, digests, install_programs, lacking


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that is all there is, and no right to install others."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    return programs


def program(folder: Path, name: str, said: str = "") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    path.chmod(0o755)


def test_a_machine_without_java_and_maven_is_told_how_to_get_them(bare: Path) -> None:
    with pytest.raises(Missing) as missing:
        install_programs()
    assert str(missing.value) == (
        "error: Apache Kafka needs Java 17 or newer (there is none) and Maven\n"
        "  hint:   on Debian or Ubuntu: sudo apt-get install openjdk-17-jre-headless maven; elsewhere install them and "
        "put `java` and `mvn` on the path; or name a cluster that runs: KAFKA_BOOTSTRAP=host:9092"
    )


def test_a_java_that_is_too_old_is_named(bare: Path) -> None:
    program(bare, "java", 'openjdk version "11.0.2" 2019-01-15')
    program(bare, "mvn")
    assert lacking() == [f"Java 17 or newer ({bare}/java is version 11)"]
    program(bare, "java", 'java version "1.8.0_392"')
    assert lacking() == [f"Java 17 or newer ({bare}/java is version 8)"]


@pytest.mark.parametrize("version", ["17.0.15", "21", "25-ea"])
def test_a_java_that_is_new_enough_is_taken(bare: Path, version: str) -> None:
    program(bare, "java", f'openjdk version "{version}" 2025-04-15')
    program(bare, "mvn")
    assert lacking() == []
    install_programs()


def test_java_home_goes_before_the_path(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare, "java", 'openjdk version "11.0.2"')
    program(bare, "mvn")
    home = tmp_path / "jdk"
    (home / "bin").mkdir(parents=True)
    program(home / "bin", "java", 'openjdk version "21.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert lacking() == []


def test_a_fetch_that_fails_says_what_maven_said_and_leaves_nothing_behind(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(bare, "java", 'openjdk version "17"')
    (bare / "mvn").write_text("#!/bin/sh\necho '[ERROR] no such artifact'\nexit 1\n")
    (bare / "mvn").chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(Missing) as missing:
        set_up_kafka.installed_jars()
    assert "Maven could not fetch Apache Kafka: [ERROR] no such artifact" in str(missing.value)
    assert [each.suffix for each in (tmp_path / "cache" / "tillstream").iterdir()] == [".lock"]


def test_a_file_that_is_not_the_one_of_the_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kafka-clients-4.3.1.jar").write_bytes(b"something else")
    with pytest.raises(Missing) as missing:
        check(tmp_path)
    assert "files are not those of requirements/kafka/jars.sha256: HdrHistogram" in str(missing.value)


def test_the_lock_has_a_hash_for_each_file() -> None:
    lines = (set_up_kafka.WANTED / "jars.sha256").read_text().splitlines()
    assert [len(line.split()[0]) for line in lines] == [64] * len(lines)
    assert any("debezium-connector-mysql" in line for line in lines)
    assert any("kafka_2.13" in line for line in lines)


def test_another_pom_has_another_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    before = cache_folder(environment)
    other = tmp_path / "kafka"
    other.mkdir()
    (other / "pom.xml").write_text("<project/>")
    (other / "jars.sha256").write_text("")
    monkeypatch.setattr(set_up_kafka, "WANTED", other)
    assert cache_folder(environment) != before
    assert cache_folder(environment).parent == before.parent == tmp_path / "tillstream"


def test_hashes_are_written_as_sha256sum_reads_them(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"a")
    assert digests(tmp_path) == ["ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a.jar"]
