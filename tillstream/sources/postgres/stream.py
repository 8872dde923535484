"""The log as batches, for as long as somebody asks for the next one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tillstream.change import Batch, Position
from tillstream.errors import SourceError, SourceUnreachable
from tillstream.sources.postgres.decode import Decoder, Span
from tillstream.sources.postgres.intake import Intake
from tillstream.sources.postgres.pieces import Pieces, batch_of
from tillstream.sources.postgres.place import with_floors
from tillstream.sources.postgres.relation import Relations
from tillstream.sources.postgres.session import HEADER, Session
from tillstream.sources.postgres.settings import PostgresSettings

# The server wakes its reader for each message. Letting some gather makes both of them twice as fast.
_GATHER_SECONDS = 0.004
_LONGEST_SILENCE = 60.0


@dataclass(frozen=True, slots=True)
class Stream:
    """A slot's log. `acknowledged` says how far the server may forget, `stopped` whether to end."""

    settings: PostgresSettings
    publications: Sequence[str]
    relations: Relations
    acknowledged: Callable[[], int]
    stopped: Callable[[], bool]

    def read(self, span: Span) -> Iterator[Batch]:
        """Batches of what comes after the span's start; empty ones while nothing happens."""
        with Session(self.settings, self.publications, span.after.lsn) as session:
            try:
                yield from self._batches(session, span)
            finally:
                with suppress(SourceError):
                    session.send_status(self.acknowledged())

    def _batches(self, session: Session, span: Span) -> Iterator[Batch]:
        intake, decoder = Intake(self.settings.limits), Decoder(self.relations)
        beat = _Beat(self.settings.heartbeat.total_seconds())
        position, told = span.after, 0
        while not self.stopped():
            is_full = session.drain(intake)
            if is_full or intake.ready:
                decoded = decoder.decode(intake.take(), HEADER, Span(position, floors=span.floors))
                batch = batch_of(position, decoded, span.floors)
            elif beat.due(session, intake):
                batch = _quiet(position, session if not len(intake) else None, span)
            else:
                told = self._tell(session, told, ask=beat.asks())
                _wait(session, intake, beat)
                continue
            position = batch.position
            beat.restart()
            yield batch
            told = self._tell(session, told, ask=False)

    def _tell(self, session: Session, told: int, *, ask: bool) -> int:
        acknowledged = self.acknowledged()
        if acknowledged != told or ask or session.answer_wanted:
            session.send_status(acknowledged, ask=ask)
        return acknowledged

    def range(self, span: Span) -> Batch:
        """Everything of the span in one batch; acknowledges nothing."""
        assert span.until is not None
        intake, decoder, pieces = Intake(self.settings.limits), Decoder(self.relations), Pieces()
        give_up_at = time.monotonic() + _LONGEST_SILENCE
        with Session(self.settings, self.publications, span.after.lsn) as session:
            while decoder.position < span.until and not _passed(session, intake, span.until):
                session.drain(intake)
                if len(intake):
                    pieces.add(decoder.decode(intake.take(), HEADER, span))
                    give_up_at = time.monotonic() + _LONGEST_SILENCE
                elif time.monotonic() > give_up_at:
                    raise _too_short(span.until)
                else:
                    session.send_status(0, ask=True)
                    session.wait(0.1)
        return pieces.batch(span)


def _passed(session: Session, intake: Intake, until: Position) -> bool:
    """Whether the server has nothing more to send of what comes before `until`."""
    return not intake.in_transaction and Position(session.log_end) > until


class _Beat:
    """When to ask a silent server for the log's end, and when to report that nothing happened."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._heard = 0
        self._asked = False
        self.restart()

    def restart(self) -> None:
        self._at = time.monotonic() + self._seconds
        self._asked = False

    @property
    def seconds_left(self) -> float:
        return self._at - time.monotonic()

    def asks(self) -> bool:
        """Whether it is time to ask; once per beat."""
        if self._asked or self.seconds_left > self._seconds / 2:
            return False
        self._asked = True
        return True

    def due(self, session: Session, intake: Intake) -> bool:
        """Whether the answer is there and nothing else to report, or it is time for a sign of life."""
        answered = self._asked and session.keepalive_count != self._heard
        self._heard = session.keepalive_count
        return (answered and not len(intake)) or self.seconds_left <= 0


def _wait(session: Session, intake: Intake, beat: _Beat) -> None:
    if len(intake):
        time.sleep(max(0.0, min(_GATHER_SECONDS, intake.age_left)))
        session.wait(min(intake.age_left, beat.seconds_left) if not intake.in_transaction else 0.05)
    else:
        session.wait(beat.seconds_left / 2)


def _quiet(position: Position, session: Session | None, span: Span) -> Batch:
    reached = max(position, Position(session.log_end)) if session else position
    return Batch(position, with_floors(reached, span.floors), ())


def _too_short(until: Position) -> SourceUnreachable:
    return SourceUnreachable(
        "the log ends before the last batch",
        detail=f"Position {until.lsn:X} was read before and did not come again in {_LONGEST_SILENCE:.0f} s.",
        hint="Was the server restored from a backup? Then run `till resync`.",
    )
