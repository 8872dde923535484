"""Fetch Apache Kafka, Connect and Debezium for tests and development: `python scripts/set_up_kafka.py`.

Maven reads `requirements/kafka/pom.xml` and copies what it names into the user's cache, once for each version of
the pom; every file is checked against `requirements/kafka/jars.sha256`, which `--lock` writes anew. As root on
Debian or Ubuntu, Java and Maven are installed when they are missing; otherwise it says what is missing.

Standard library only. `scripts/run_kafka.py` and tests call `installed_jars` themselves.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WANTED = ROOT / "requirements" / "kafka"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
# Kafka's brokers run on this Java or a newer one. The first of these packages that a system has is taken.
OLDEST_JAVA = 17
JAVA_PACKAGES = ("openjdk-17-jre-headless", "openjdk-21-jre-headless", "openjdk-25-jre-headless")


class Missing(Exception):
    """Something that only a person can bring. Its text says how."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"error: {message}\n  hint:   {hint}")


def main() -> int:
    """Make sure that everything is there; 1 when a person has to help."""
    try:
        if "--lock" in sys.argv[1:]:
            write_lock()
        else:
            installed_jars()
    except Missing as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    return 0


def installed_jars() -> Path:
    """The folder with every jar of the pom, filled now if it was not.

    1. One process at a time fetches; the others wait and find the folder.
    2. Maven copies into a folder of another name.
    3. Every file is one that the lock knows, with the hash that it knows, and none is missing.
    4. The folder gets its name: what was broken off before is not taken for a whole one.
    """
    place = cache_folder(os.environ)
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # 1
        if place.is_dir():
            return place
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f"{place.name}-") as name:
            fetched = Path(name) / "jars"
            fetch(fetched)  # 2
            check(fetched)  # 3
            fetched.rename(place)  # 4
    return place


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where the jars of this pom and this lock belong."""
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256()
    for each in ("pom.xml", "jars.sha256"):
        digest.update((WANTED / each).read_bytes())
    return cache / "tillstream" / f"kafka-{digest.hexdigest()[:16]}"


def fetch(folder: Path) -> None:
    """Have Maven copy what the pom names into the folder; a file that differs from its published checksum fails."""
    install_programs()
    sys.stderr.write("· fetching Apache Kafka and Debezium with Maven, once\n")
    command = ["mvn", "-B", "-q", "-C", "-Dstyle.color=never", "-f", str(WANTED / "pom.xml"), COPY]
    copied = subprocess.run(
        [*command, f"-DoutputDirectory={folder}", "-DincludeScope=runtime"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if copied.returncode:
        said = [line for line in copied.stdout.splitlines() if "[ERROR]" in line][:1]
        raise Missing(
            "Maven could not fetch Apache Kafka: " + (said or [f"status {copied.returncode}"])[0],
            "it uses the repositories and proxies of your ~/.m2/settings.xml; see that `mvn -version` and they work",
        )


def check(folder: Path) -> None:
    """Every jar is as the lock has it."""
    found, wanted = digests(folder), (WANTED / "jars.sha256").read_text().splitlines()
    wrong = sorted({line.split()[1] for line in set(found) ^ set(wanted)})
    if wrong:
        raise Missing(
            f"{len(wrong)} files are not those of requirements/kafka/jars.sha256: {', '.join(wrong[:5])}",
            "if the pom was changed, write the lock anew with `make lock`",
        )


def digests(folder: Path) -> list[str]:
    """A line for each file, as sha256sum writes them."""
    return [f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}" for each in sorted(folder.iterdir())]


def write_lock() -> None:
    """Fetch what the pom names now, and keep its hashes."""
    with tempfile.TemporaryDirectory() as name:
        fetch(Path(name))
        (WANTED / "jars.sha256").write_text("\n".join(digests(Path(name))) + "\n")


def install_programs() -> None:
    """Make sure of Java and Maven, with the system's package manager if it has to be."""
    if lacking() and os.geteuid() == 0 and shutil.which("apt-get"):
        _install_by_apt()
    if lacking():
        raise Missing(
            f"Apache Kafka needs {' and '.join(lacking())}",
            f"on Debian or Ubuntu: sudo apt-get install {JAVA_PACKAGES[0]} maven; elsewhere install them and put "
            "`java` and `mvn` on the path; or name a cluster that runs: KAFKA_BOOTSTRAP=host:9092",
        )


def lacking() -> list[str]:
    """What this machine lacks to fetch and run Kafka, in words."""
    java = java_program()
    version = java_version(java) if java else 0
    found = f"{java} is version {version}" if java else "there is none"
    java_lacks = [] if version >= OLDEST_JAVA else [f"Java {OLDEST_JAVA} or newer ({found})"]
    return java_lacks + ([] if shutil.which("mvn") else ["Maven"])


def java_program() -> str | None:
    """The Java of JAVA_HOME or, without it, the one on the path."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin" if home else None)


def java_version(java: str) -> int:
    """The number before the first dot, as Java itself counts; 0 when it does not say."""
    said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(version[1]) if version else 0


def _install_by_apt() -> None:
    sys.stderr.write("· installing Java and Maven\n")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    subprocess.run(["apt-get", "update", "-qq"], env=environment, stdin=subprocess.DEVNULL)
    known = [name for name in JAVA_PACKAGES if _apt_knows(name)]
    subprocess.run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *known[:1], "maven"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def _apt_knows(package: str) -> bool:
    shown = subprocess.run(["apt-cache", "show", package], capture_output=True, stdin=subprocess.DEVNULL)
    return shown.returncode == 0 and bool(shown.stdout)


if __name__ == "__main__":
    sys.exit(main())
