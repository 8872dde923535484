"""A store profile: `store.toml` in, frozen values out; unknown keys are refused."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from tillstream.change import warehouse_name
from tillstream.errors import ConfigError

_PLACE = re.compile(r"(\w+)\.(\w+)")
_REACH = re.compile(r"(\w+)\.(\w+)(?:\s*<-\s*(\w+\.\w+))?")


@dataclass(frozen=True, slots=True)
class Link:
    """A column of a child table that holds the key of its parent. Its name is `table.column`."""

    table: str
    column: str
    parent: str
    parent_key: str

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(frozen=True, slots=True)
class Reach:
    """How a changed row of `table` leads to its root.

    Without `through`, `column` holds the root's key. With it, the row reaches every root whose linked
    column (the link of that name) holds the row's `column`.
    """

    table: str
    column: str
    through: str | None = None


@dataclass(frozen=True, slots=True)
class Root:
    """What the rows of a fact hang on: an order, a cart. Its facts are made anew when it is touched."""

    name: str
    table: str
    key: str
    reaches: tuple[Reach, ...]

    def tables(self) -> frozenset[str]:
        """The tables whose changes reach this root."""
        return frozenset(reach.table for reach in self.reaches)


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything tillstream knows about one kind of store."""

    name: str
    schema: str
    views: str
    tables: tuple[str, ...]
    excluded: frozenset[str] = frozenset()
    links: tuple[Link, ...] = ()
    roots: tuple[Root, ...] = ()

    def link(self, name: str) -> Link:
        """The link of that name; KeyError if there is none."""
        for link in self.links:
            if link.name == name:
                return link
        raise KeyError(name)

    def root(self, name: str) -> Root:
        """The root of that name; KeyError if there is none."""
        for root in self.roots:
            if root.name == name:
                return root
        raise KeyError(name)

    def warehouse_name(self, table: str) -> str:
        """The name of one of the profile's tables in bronze and mirror."""
        return warehouse_name(self.schema, table)

    def linking_columns(self) -> Mapping[str, Sequence[str]]:
        """The columns that hold the key of a parent, by the warehouse name of the child's table."""
        columns: dict[str, list[str]] = {}
        for link in self.links:
            columns.setdefault(self.warehouse_name(link.table), []).append(link.column)
        return columns


def known_profiles() -> tuple[str, ...]:
    """The names of the profiles that come with tillstream."""
    folders = (entry for entry in resources.files(__package__).iterdir() if entry.is_dir())
    return tuple(sorted(folder.name for folder in folders if folder.joinpath("store.toml").is_file()))


def load_profile(name: str) -> Profile:
    """A profile by the name of a bundled one, or by the path of a `store.toml`."""
    if name.endswith(".toml"):
        try:
            return parse_profile(Path(name).read_text(encoding="utf-8"), name)
        except OSError as error:
            raise ConfigError(f'store profile "{name}" can\'t be read', detail=str(error.strerror)) from error
    if name not in known_profiles():
        raise ConfigError(
            f'store profile "{name}" is not known',
            detail=f"Known: {', '.join(known_profiles())}.",
            hint="Name one of these, or the path of your own store.toml.",
        )
    text = resources.files(__package__).joinpath(name, "store.toml").read_text(encoding="utf-8")
    return parse_profile(text, f"{name}/store.toml")


def parse_profile(text: str, origin: str) -> Profile:
    """The profile in `text`; `origin` names it in errors."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f'store profile "{origin}" is not TOML', detail=str(error)) from error
    needed = ("name", "schema", "views", "tables")
    _known(tree, (*needed, "columns", "links", "roots"), "store profile", origin)
    if missing := [key for key in needed if key not in tree]:
        raise ConfigError(f'store profile "{origin}" lacks {", ".join(missing)}')
    columns = tree.get("columns", {})
    _known(columns, ("excluded",), "[columns]", origin)
    profile = Profile(
        name=tree["name"],
        schema=tree["schema"],
        views=tree["views"],
        tables=tuple(tree["tables"]),
        excluded=frozenset(columns.get("excluded", ())),
        links=tuple(_link(child, parent, origin) for child, parent in tree.get("links", {}).items()),
        roots=tuple(_root(name, root, origin) for name, root in tree.get("roots", {}).items()),
    )
    _check(profile, origin)
    return profile


def _link(child: str, parent: str, origin: str) -> Link:
    table, column = _place(child, origin)
    parent_table, parent_key = _place(parent, origin)
    return Link(table, column, parent_table, parent_key)


def _root(name: str, root: Mapping[str, Any], origin: str) -> Root:
    keys = ("table", "key", "reach")
    _known(root, keys, f"[roots.{name}]", origin)
    if missing := [key for key in keys if key not in root]:
        raise ConfigError(f'[roots.{name}] in store profile "{origin}" lacks {", ".join(missing)}')
    reaches = []
    for text in root["reach"]:
        found = _REACH.fullmatch(text)
        if found is None:
            raise _not_understood(text, origin, 'Write "table.column" or "table.column <- table.column".')
        reaches.append(Reach(*found.groups()))
    return Root(name, root["table"], root["key"], tuple(reaches))


def _place(text: str, origin: str) -> tuple[str, str]:
    found = _PLACE.fullmatch(text)
    if found is None:
        raise _not_understood(text, origin, 'Write "table.column".')
    return found[1], found[2]


def _not_understood(text: str, origin: str, hint: str) -> ConfigError:
    return ConfigError(f'"{text}" in store profile "{origin}" is not understood', hint=hint)


def _known(given: Mapping[str, Any], known: Iterable[str], where: str, origin: str) -> None:
    if unknown := [key for key in given if key not in known]:
        raise ConfigError(
            f'{where} has no key "{unknown[0]}"',
            detail=f'Known here: {", ".join(known)}. Found in "{origin}".',
        )


def _check(profile: Profile, origin: str) -> None:
    """Every table that is spoken of must be captured, every link that is used declared."""
    spoken_of = {link.table for link in profile.links} | {link.parent for link in profile.links}
    spoken_of |= {root.table for root in profile.roots}
    spoken_of |= {reach.table for root in profile.roots for reach in root.reaches}
    spoken_of |= {place.partition(".")[0] for place in profile.excluded}
    if unknown := sorted(spoken_of - set(profile.tables)):
        raise ConfigError(
            f'store profile "{origin}" speaks of table "{unknown[0]}", which it does not list',
            hint="Add it to `tables`.",
        )
    links = {link.name for link in profile.links}
    used = {reach.through for root in profile.roots for reach in root.reaches if reach.through}
    if undeclared := sorted(used - links):
        raise ConfigError(
            f'store profile "{origin}" uses the link "{undeclared[0]}", which it does not declare',
            hint="Add it to [links].",
        )
    for root in profile.roots:
        for reach in root.reaches:
            if reach.through and not reach.through.startswith(f"{root.table}."):
                raise ConfigError(
                    f'root "{root.name}" in store profile "{origin}" is reached through "{reach.through}"',
                    detail=f'Only links of its own table, "{root.table}", lead to it.',
                )
