"""till.toml and the environment → frozen settings. The only reader of the environment.

A value comes from, later winning: the default, till.toml, the variable `TILL_SECTION_NAME`.
Secrets stand in till.toml only as references: `{ env = "STORE_URL" }` or `{ file = "store.url" }`.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tillstream.errors import ConfigError
from tillstream.lines import lines_of
from tillstream.quantities import Size, parse_duration, parse_size
from tillstream.setting import Secret, Url
from tillstream.settings import LOOPBACK, SECTIONS, Row, Settings, table_of_settings
from tillstream.streaming import Misfit, Options, Topics, opens

FILE_NAME = "till.toml"
DEFAULT_FOLDER = Path(".till")


def environment() -> Mapping[str, str]:
    """The process's environment."""
    return os.environ


def load(folder: Path, variables: Mapping[str, str]) -> Settings:
    """The settings of a folder. ConfigError names the setting and the line for whatever is wrong.

    A folder without till.toml that holds a demo store has the demo's settings.
    """
    folder = folder.resolve()
    given = _from_file(folder)
    if given is None:
        given = _demo(folder)
    for row in table_of_settings():
        if row.variable in variables:
            given[row.full_name] = _Given(variables[row.variable], f"environment {row.variable}", in_file=False)
    values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    origins: dict[str, str] = {}
    for row in table_of_settings():
        if (one := given.get(row.full_name)) is None:
            origins[row.full_name] = "default"
            continue
        value, origins[row.full_name] = _resolved(row, one, folder, variables)
        values[row.section][row.name] = value
    parts: dict[str, Any] = {section: kind(**values[section]) for section, kind in SECTIONS.items()}
    settings = Settings(folder=folder, origins=origins, **parts)
    _check_together(settings)
    return settings


@dataclass(frozen=True, slots=True)
class _Given:
    value: Any
    origin: str
    in_file: bool = True
    lines: Mapping[str, int] = field(default_factory=dict)

    def at(self, full_name: str) -> str:
        """Where a key inside of it stands."""
        return f"{FILE_NAME}:{self.lines[full_name]}" if full_name in self.lines else self.origin


def _demo(folder: Path) -> dict[str, _Given]:
    if (folder / "postgres").is_dir():
        return {"source.kind": _Given("demo", "demo folder", in_file=False)}
    return {}


def _from_file(folder: Path) -> dict[str, _Given] | None:
    path = folder / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f'"{path}" can\'t be read', detail=str(error)) from error
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f'"{path}" is not TOML', detail=str(error), hint="`till init` writes a commented example."
        ) from error
    lines = lines_of(text)
    given: dict[str, _Given] = {}
    for section, content in tree.items():
        if section not in SECTIONS:
            raise _unknown(f"[{section}]", section, SECTIONS, f"{FILE_NAME}:{lines.get(section, 1)}")
        if not isinstance(content, dict):
            raise ConfigError(
                f'"{section}" in {FILE_NAME}:{lines.get(section, 1)} is a section, not a setting', hint=f"[{section}]"
            )
        known = [row.name for row in table_of_settings() if row.section == section]
        for name, value in content.items():
            origin = f"{FILE_NAME}:{lines.get(f'{section}.{name}', lines.get(section, 1))}"
            if name not in known:
                raise _unknown(f"{section}.{name}", name, known, origin)
            given[f"{section}.{name}"] = _Given(value, origin, lines=lines)
    return given


def _unknown(full_name: str, name: str, known: Iterable[str], origin: str) -> ConfigError:
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    return ConfigError(
        f'unknown setting "{full_name}" in {origin}',
        detail=f"Known here: {', '.join(known)}.",
        hint=f'Did you mean "{close[0]}"?' if close else "`till config show` lists every setting.",
    )


def _resolved(row: Row, given: _Given, folder: Path, variables: Mapping[str, str]) -> tuple[Any, str]:
    value, origin = given.value, given.origin
    if row.type in _TABLES:
        return _table(row, given, folder, variables), origin
    if isinstance(value, dict):
        value, origin = _referred(row, given, folder, variables)
    if _is_url(row) and isinstance(value, str) and not Url(value).is_url:
        raise _wrong(
            row, origin, value, 'expected a URL, with odd characters in the password as %40 for "@", %2F for "/"'
        )
    if (
        not isinstance(given.value, dict)
        and given.in_file
        and _is_secret(row)
        and (not _is_url(row) or Url(str(value)).has_password)
    ):
        raise _open_secret(row.full_name, origin, row.name, row.variable)
    try:
        parsed = _parsed(row, value)
    except ValueError as error:
        raise _wrong(row, origin, value, str(error)) from error
    if problem := row.check(parsed):
        raise _wrong(row, origin, value, problem)
    return parsed, origin


def _table(row: Row, given: _Given, folder: Path, variables: Mapping[str, str]) -> Any:
    """A setting that is a table of its own, with references in it followed."""
    content = _from_json(row, given) if isinstance(given.value, str) else given.value
    if not isinstance(content, dict):
        raise _wrong(row, given.origin, content, "expected a table")

    def followed(values: dict[str, Any], name: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in values.items():
            full_name = f"{name}.{key}" if name else key
            origin = given.at(f"{row.full_name}.{full_name}")
            if isinstance(value, dict) and row.type is Options and value.keys() in ({"env"}, {"file"}):
                found[key] = Secret(_referred(row, _Given(value, origin), folder, variables)[0])
            elif isinstance(value, dict):
                found[key] = followed(value, full_name)
            elif row.type is Options and given.in_file and opens(full_name):
                variable = re.sub(r"\W", "_", f"TILL_{full_name}").upper()
                raise _open_secret(f"{row.full_name}.{full_name}", origin, f'"{full_name}"', variable)
            else:
                found[key] = value
        return found

    try:
        return _TABLES[row.type](followed(content, ""))
    except Misfit as error:
        full_name = f"{row.full_name}.{error.key}"
        raise ConfigError(
            f'setting "{full_name}" from {given.at(full_name)} does not fit', detail=f"{error}.", hint=row.help
        ) from error


_TABLES: Mapping[Any, Callable[[Mapping[str, Any]], Any]] = {Options: Options.parsed, Topics: Topics.parsed}


def _from_json(row: Row, given: _Given) -> object:
    try:
        return json.loads(given.value)
    except ValueError as error:
        raise _wrong(row, given.origin, "text", f"expected a JSON object ({error})") from error


def _open_secret(full_name: str, origin: str, name: str, variable: str) -> ConfigError:
    return ConfigError(
        f'setting "{full_name}" in {origin} holds a secret',
        detail="Settings files get copied and committed; secrets stand in them only by reference.",
        hint=f'{name} = {{ env = "{variable}" }} or {name} = {{ file = "{full_name}" }}',
    )


def _wrong(row: Row, origin: str, value: object, problem: str) -> ConfigError:
    shown = "its value" if _is_secret(row) else repr(value)
    return ConfigError(
        f'setting "{row.full_name}" from {origin} does not fit', detail=f"It is {shown}; {problem}.", hint=row.help
    )


def _referred(row: Row, given: _Given, folder: Path, variables: Mapping[str, str]) -> tuple[str, str]:
    reference = given.value
    match reference:
        case {"env": str(variable)} if len(reference) == 1:
            if variable not in variables:
                raise ConfigError(
                    f'environment variable "{variable}" is not set',
                    detail=f"Setting {row.full_name} in {given.origin} refers to it.",
                    hint=f"export {variable}=…",
                )
            return variables[variable], f"{given.origin}, environment {variable}"
        case {"file": str(name)} if len(reference) == 1:
            path = folder / name
            try:
                return path.read_text(encoding="utf-8").strip(), f"{given.origin}, file {name}"
            except OSError as error:
                raise ConfigError(
                    f'file "{path}" can\'t be read',
                    detail=f"Setting {row.full_name} in {given.origin} refers to it: {error.strerror}.",
                ) from error
    raise ConfigError(
        f'setting "{row.full_name}" in {given.origin} is no reference',
        detail=f"Known keys of a reference: env, file. Found: {', '.join(map(str, reference))}.",
        hint=f'{row.name} = {{ env = "{row.variable}" }}',
    )


def _is_url(row: Row) -> bool:
    return row.type in (Url, Url | None)


def _is_secret(row: Row) -> bool:
    return _is_url(row) or row.type in (Secret, Secret | None)


def _parsed(row: Row, value: Any) -> Any:
    """The value in the setting's type. ValueError says what was expected."""
    if row.type == tuple[str, ...]:
        items = [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ValueError("expected a list of texts")
        return tuple(items)
    if row.type is int:
        return _number(value)
    if not isinstance(value, str):
        raise ValueError("expected a text in quotes")
    if row.type is timedelta:
        return parse_duration(value)
    if row.type is Size:
        return parse_size(value)
    if _is_secret(row):
        return Url(value) if _is_url(row) else Secret(value)
    return value


def _number(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"\d[\d_]*", value):
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("expected a whole number")
    return value


def _check_together(settings: Settings) -> None:
    page, origins = settings.page, settings.origins
    if settings.source.kind == "kafka" and settings.stream.url is None:
        raise ConfigError(
            "a store that comes from topics needs the brokers' addresses",
            detail=f'source.kind from {origins["source.kind"]} is "kafka", and stream.url is not set.',
            hint='[stream] url = "kafka://host:9092"',
        )
    if page.host not in LOOPBACK and page.token is None:
        raise ConfigError(
            f'the page may not listen on "{page.host}" without a token',
            detail=f"page.host comes from {origins['page.host']}; everybody there could read the warehouse.",
            hint='[page] token = { env = "TILL_PAGE_TOKEN" }',
        )
