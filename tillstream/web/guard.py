"""What somebody without the token may ask for: reading, and nothing that reaches out of the warehouse.

Two walls. The engine's own `readonly = 1` refuses writes, settings and nearly every table function;
what it lets through (INTO OUTFILE, SYSTEM, KILL, the function file(), Python objects) is refused here,
twice: in the text as it came, and in the text that the engine makes of it when it has parsed it, so that
nothing can hide where our tokenizer and the engine's differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tillstream.web import limits
from tillstream.web.limits import READONLY
from tillstream.web.statement import Statement, Token, tokens
from tillstream.web.wire import Refused

READABLE_FIRST_WORDS = frozenset({"select", "with", "show", "describe", "desc", "exists", "explain", "from", "("})

# Table functions that make rows out of nothing or out of our own tables.
HARMLESS_TABLE_FUNCTIONS = frozenset(
    {
        "format", "generate_series", "generaterandom", "generateseries", "null", "numbers", "numbers_mt",
        "primes", "values", "view", "zeros", "zeros_mt",
    }
)  # fmt: skip

# Functions that read files or open connections, and clauses that write files or show others' statements.
HARMFUL_WORDS = frozenset(
    {
        "aiclassify", "aiembed", "aiextract", "aifilter", "aigenerate", "airedact", "aisimilarity", "aitranslate",
        "catboostevaluate", "currentrequesturl", "file", "getclienthttpheader", "outfile", "processlist",
    }
)  # fmt: skip

READABLE_SYSTEM_TABLES = frozenset(
    {
        "aggregate_function_combinators", "asynchronous_metrics", "build_options", "clusters", "collations",
        "columns", "contributors", "data_skipping_indices", "data_type_families", "databases", "dictionaries",
        "distribution_queue", "events", "formats", "functions", "keywords", "licenses", "macros",
        "materialized_views", "merges", "metrics", "mutations", "numbers", "numbers_mt", "one", "parts",
        "parts_columns", "projections", "settings", "table_engines", "table_functions", "tables", "time_zones",
        "view_refreshes", "zeros", "zeros_mt",
    }
)  # fmt: skip

ACCESS_DENIED = 497


def check(statement: Statement, table_functions: Iterable[str], parameters: Mapping[str, str]) -> None:
    """Raise Refused unless the statement only reads the warehouse.

    `table_functions` are the engine's, so that one we have never heard of is refused.
    """
    if statement.first_word not in READABLE_FIRST_WORDS:
        raise Refused(
            READONLY, "Cannot execute query in readonly mode. Writing needs the token as password", "READONLY"
        )
    refused_calls = {name.lower() for name in table_functions} - HARMLESS_TABLE_FUNCTIONS
    found = list(tokens(statement.sql.decode("latin-1")))
    for place, token in enumerate(found):
        following = found[place + 1].text if place + 1 < len(found) else ""
        _check_spelling(token)
        # A function can be named without brackets: arrayMap(file, …), apply file.
        if token.name in HARMFUL_WORDS or (following == "(" and token.name in refused_calls):
            raise _denied(token.text)
        if following == "." and token.name == "system":
            _check_system_table(found[place + 2 : place + 3])
        if token.name == "identifier" and any(_names_system(value) for value in parameters.values()):
            raise _denied("system as a parameter")
        if token.is_word("settings"):
            _check_settings(found[place + 1 :])
        if token.is_word("parallel") and following.lower() == "with":
            raise _denied("parallel with")


def _check_spelling(token: Token) -> None:
    """Outside of strings the engine has more blanks, quotes and escapes than a token's text shows."""
    if token.kind != "string" and token.kind != "quoted" and not token.text.isascii():
        raise Refused(62, "Syntax error: a character outside ASCII outside of quotes", "SYNTAX_ERROR")
    if token.kind == "quoted" and "\\" in token.text:
        raise _denied("a backslash in a name")


def _check_settings(rest: Sequence[Token]) -> None:
    """In a subquery the engine takes settings that it refuses on top."""
    if len(rest) < 2 or rest[1].text != "=":
        return
    for before, token, after in zip([rest[0], *rest], rest, rest[1:], strict=False):
        first_or_next = token is rest[0] or before.text == ","
        if first_or_next and after.text == "=" and not limits.may_choose_in_a_subquery(token.name):
            raise Refused(READONLY, f"Cannot modify '{token.text[:100]}' setting in readonly mode", "READONLY")


def _names_system(value: str) -> bool:
    return value.strip().strip('`"').lower().startswith("system")


def check_database(name: str) -> None:
    """Raise Refused for a database in which names would go unchecked."""
    if name.lower() == "system":
        raise _denied("system as the current database")


def _check_system_table(name: list[Token]) -> None:
    if name and name[0].name not in READABLE_SYSTEM_TABLES:
        raise _denied(f"system.{name[0].text}")


def _denied(what: str) -> Refused:
    return Refused(ACCESS_DENIED, f"{what} is not open to readers. Use the token as password", "ACCESS_DENIED")
