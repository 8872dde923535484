"""How Java is called for Kafka's programs: with a small heap, and quick to start."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scripts.set_up_kafka import OLDEST_JAVA, Missing, install_programs, installed_jars, java_program, java_version

_LOGGING = """
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %m (%c)%n%ex
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
"""


@dataclass(frozen=True, slots=True)
class Jvm:
    """Starts programs out of the jars. `learning` keeps the classes that a program loaded, for the next one."""

    java: str
    jars: Path
    heap_mib: int = 512
    learning: bool = False
    # Half the processor time until a program is up, and less throughput afterwards.
    quick: bool = True
    archive: Path = field(init=False)

    def __post_init__(self) -> None:
        program = Path(self.java).resolve()
        digest = hashlib.sha256(f"{program} {program.stat().st_mtime_ns}".encode()).hexdigest()[:8]
        object.__setattr__(self, "archive", self.jars.with_name(f"{self.jars.name}-{digest}.jsa"))

    def command(self, folder: Path, program: str, *arguments: str) -> list[str]:
        """The command line of one of Kafka's main classes. What it writes on the side goes to the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        logging = folder / "log4j2.properties"
        logging.write_text(_LOGGING)
        # An archive of classes holds for one class path, to the letter.
        path = ":".join(str(jar) for jar in sorted(self.jars.iterdir()))
        return [
            self.java,
            f"-Xmx{self.heap_mib}m",
            "-XX:-UsePerfData",
            *(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"] if self.quick else []),
            *self._class_sharing(folder),
            f"-Djava.io.tmpdir={folder}",
            f"-Dlog4j2.configurationFile={logging}",
            "-cp",
            path,
            program,
            *arguments,
        ]

    def keep_classes(self, folder: Path) -> None:
        """After a program that learned has ended: the next ones start from what it loaded."""
        learned = folder / "classes.jsa"
        # Copied beside the goal first: another file system can't be renamed from.
        beside = self.archive.with_name(f"{self.archive.name}.new")
        shutil.copyfile(learned, beside)
        beside.rename(self.archive)

    def _class_sharing(self, folder: Path) -> list[str]:
        if self.learning:
            return [f"-XX:ArchiveClassesAtExit={folder / 'classes.jsa'}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
        if self.archive.is_file():
            return [f"-XX:SharedArchiveFile={self.archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
        return []


def jvm(heap_mib: int = 512, *, learning: bool = False, quick: bool = True) -> Jvm:
    """Java with Kafka's jars, which are fetched now if nobody has yet. Missing, if that can't be done."""
    java = java_program()
    if java is None or java_version(java) < OLDEST_JAVA:
        install_programs()
        java = java_program()
    assert java is not None
    return Jvm(java, installed_jars(), heap_mib, learning, quick)


def jvm_or_skip(heap_mib: int = 512) -> Jvm:
    """For a test: without Java it is skipped, which CI does not allow."""
    try:
        return jvm(heap_mib)
    except Missing as missing:
        pytest.skip(str(missing))
