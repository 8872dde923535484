"""`till init`: a commented till.toml for a database, checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tillstream.commands.findings import checked_source, show_findings
from tillstream.commands.output import Output
from tillstream.config import FILE_NAME, environment, load
from tillstream.errors import ConfigError, TillError
from tillstream.setting import Url
from tillstream.settings import NO_PROFILE, SECTIONS, Settings, SourceSettings, shown, table_of_settings

SECRET_FILE = "source.url"
SCHEMES = ("postgresql://", "postgres://")


def init(url: str, folder: Path, output: Output, *, replace: bool) -> int:
    """Write till.toml, then look whether the database can be captured; 1 when it can't yet."""
    if not url.startswith(SCHEMES):
        raise ConfigError(
            f'"{Url(url).shown}" is not the URL of a database we know',
            detail=f"Known beginnings: {', '.join(SCHEMES)}.",
            hint="till init postgresql://user:password@host:5432/database",
        )
    if not Url(url).is_url:
        raise ConfigError(
            "that is not a URL",
            detail="The end of the password or of the host can't be told.",
            hint='Write odd characters in the password as %40 for "@", %2F for "/", %3A for ":", %25 for "%".',
        )
    path = folder / FILE_NAME
    if path.exists() and not replace:
        raise ConfigError(
            f'"{path}" is there already', hint="Edit it, or write a new one with `till init --replace …`."
        )
    if (folder / "postgres").exists():
        raise ConfigError(f'folder "{folder}" holds a demo store', hint="till init --dir .till-shop …")
    folder.mkdir(parents=True, exist_ok=True)
    if Url(url).has_password:
        _write_secret(folder / SECRET_FILE, url)
        reference = f'{{ file = "{SECRET_FILE}" }}'
    else:
        reference = f'"{url}"'
    profile = _profile(Settings(folder.resolve(), source=SourceSettings(url=Url(url))))
    path.write_text(text(reference, profile), encoding="utf-8")
    output.say(f"wrote {path}")
    settings = load(folder, environment())
    findings = checked_source(settings)
    show_findings(findings, output)
    wrong = [finding for finding in findings if not finding.ok]
    output.say("fix the lines marked ✗, then: till run" if wrong else "all well. Next: till run")
    output.result({"file": str(path), "ok": not wrong, "findings": [finding.message for finding in wrong]})
    return 1 if wrong else 0


def _profile(settings: Settings) -> str:
    """The profile that the store's tables fit; none for a store that can't be asked yet."""
    from tillstream.assembly.store import open_source, recognised

    try:
        source = open_source(settings, settings.source_url)
        try:
            return recognised([table.name for table in source.tables()])
        finally:
            source.close()
    except TillError:
        return NO_PROFILE


def text(source_url: str, profile: str) -> str:
    """A till.toml with every setting explained, and all but the URL and the profile at their defaults."""
    set_here = {"source.url": source_url, "store.profile": f'"{profile}"'}
    lines = [
        "# tillstream's settings. Every line that begins with # shows a default.",
        "# `till config show` prints what holds, and why.",
    ]
    for section, kind in SECTIONS.items():
        lines += ["", f"[{section}]  # {(kind.__doc__ or '').partition(chr(10))[0]}"]
        for row in table_of_settings():
            if row.section != section:
                continue
            lines.append(f"# {row.help}")
            if row.full_name in set_here:
                lines.append(f"{row.name} = {set_here[row.full_name]}")
            else:
                lines.append(f"# {row.name} = {_toml(row.default)}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if value is None:
        return '{ env = "…" }'
    if isinstance(value, tuple | Mapping) or type(value) is int:
        return shown(value)
    return f'"{shown(value)}"'


def _write_secret(path: Path, secret: str) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(secret + "\n")
