"""`till topics`: what there is of a store in the stream."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from tillstream.commands.capture import require_stream
from tillstream.commands.output import Output, grid
from tillstream.config import environment, load
from tillstream.quantities import shown_duration


def topics(folder: Path, output: Output) -> int:
    """Print every topic with its size, retention and the warehouse's lag; 1 when there is none yet."""
    from tillstream.assembly.stream import followed_by
    from tillstream.sources.kafka.overview import overview

    settings = load(folder, environment())
    require_stream(settings)
    views = overview(followed_by(settings))
    if not views:
        output.say(f'no topic of store "{settings.stream.store}" yet: `till capture` makes them')
    rows = [
        (
            view.name,
            f"{view.partitions:,}",
            f"{view.copies:,}",
            f"{view.messages:,}",
            shown_duration(view.retention) if view.retention is not None else "for ever",
            f"{view.lag:,}" if view.lag is not None else "",
        )
        for view in views
    ]
    output.show(grid(("topic", "partitions", "copies", "messages", "kept", "behind"), rows, right=(1, 2, 3, 5)))
    listed = [
        {**asdict(view), "retention": view.retention.total_seconds() if view.retention is not None else None}
        for view in views
    ]
    output.result({"store": settings.stream.store, "topics": listed})
    return 0 if views else 1
