"""What a request's SQL is, found without running it: its first word, its format, and where data begins.

A tokenizer, not a parser: it knows comments, strings, quoted names and brackets, which is what it
takes to not be fooled by them. Text is handled as latin-1, one character a byte, so that binary data
behind an INSERT survives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

TokenKind = Literal["word", "quoted", "string", "number", "symbol"]

_TOKEN = re.compile(
    r"""
      (?P<space>   \s+ | --[^\n]* | \#[!\ ][^\n]* | /\*(?:[^*]|\*(?!/))*\*/ )
    | (?P<string>  '(?:[^'\\]|\\.|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<quoted>  `(?:[^`\\]|\\.|``)*` | "(?:[^"\\]|\\.|"")*" )
    | (?P<word>    [A-Za-z_\x80-\xff][\w$\x80-\xff]* )
    | (?P<number>  \d[\w$]* )
    | (?P<symbol>  . )
    """,
    re.VERBOSE | re.DOTALL,
)

_LINE_END = re.compile(rb"[ \t\f]*;?[ \t\f]*\r?\n?")

# An INSERT's own text ends within this; what comes later can only be data.
_INSERT_HEAD = 1 << 20

_READS = frozenset({"select", "with", "show", "describe", "desc", "exists", "explain", "check", "from", "("})


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a text, where it begins, and what it is."""

    kind: TokenKind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def is_word(self, word: str) -> bool:
        return self.kind == "word" and self.text.lower() == word

    @property
    def name(self) -> str:
        """The identifier it spells, without quotes, in lower case; empty for anything else."""
        if self.kind == "word":
            return self.text.lower()
        if self.kind == "quoted":
            return re.sub(r"\\(.)|([`\"])\2", r"\1\2", self.text[1:-1]).lower()
        return ""


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text, spaces and comments left out, in order."""
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        # A dollar string ends in its tag's group.
        if kind == "tag":
            kind = "string"
        if kind != "space":
            yield Token(kind, match.group(), match.start())  # type: ignore[arg-type]  # the groups are the kinds


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: `sql` is what to run, `data` what to feed it (None when it is all in `sql`)."""

    sql: bytes
    first_word: str
    format: str | None = None
    data: bytes | None = None
    has_more: bool = False
    # Reads `input()` in a way that can't be served.
    reads_input: bool = False
    # Where in `sql` the word `input` is, when its SELECT reads the data through it.
    input_at: int | None = None

    @property
    def is_insert(self) -> bool:
        return self.first_word == "insert"

    @property
    def is_select(self) -> bool:
        return self.first_word in ("select", "with", "from", "(")

    @property
    def may_end_in_a_comment(self) -> bool:
        """False where data may stand at the end of the text."""
        return self.first_word != "explain" and not (self.is_insert and self.format)

    @property
    def returns_rows(self) -> bool:
        """Whether the engine answers with a result set, even one of no rows."""
        return self.first_word in _READS


def parse(text: bytes) -> Statement:
    """Take a request's text apart. Never fails: what it can't read, the engine will refuse."""
    head = text[:_INSERT_HEAD].decode("latin-1")
    first = next(tokens(head), None)
    if first is None:
        return Statement(b"", "")
    first_word = first.text.lower()
    return _insert(text, head) if first_word == "insert" else _other(text, first_word)


def _insert(text: bytes, head: str) -> Statement:
    """An INSERT: data begins behind `FORMAT name` unless a SELECT feeds it; VALUES stay in the text."""
    depth = 0
    selects = reads_input = False
    input_at: int | None = None
    format_word: Token | None = None
    for token in tokens(head):
        if format_word is not None:
            if selects and input_at is None:
                return Statement(text, "insert", token.text, reads_input=reads_input)
            data = text[_after_line(text, token.end) :]
            return Statement(text[: format_word.start], "insert", token.text, data, input_at=input_at)
        if selects and token.is_word("input"):
            # Several could not all have the one piece of data.
            input_at = None if reads_input else token.start
        reads_input = reads_input or token.is_word("input")
        if token.kind == "symbol":
            depth += (token.text in "([{") - (token.text in ")]}")
        if depth or token.kind != "word":
            continue
        word = token.text.lower()
        if word == "values":
            return Statement(text, "insert", "Values")
        selects = selects or word in ("select", "with")
        format_word = token if word == "format" else None
    return Statement(text, "insert")


def _after_line(text: bytes, end: int) -> int:
    """Data starts behind the blanks of the line, or behind its end; a semicolon may close the statement."""
    match = _LINE_END.match(text, end)
    return match.end() if match else end


def _other(text: bytes, first_word: str) -> Statement:
    found = list(tokens(text.decode("latin-1")))
    end = next((place for place, token in enumerate(found) if token.text == ";"), len(found))
    has_more = any(token.text != ";" for token in found[end:])
    body = found[:end]
    form = None
    for place in range(len(body) - 2, 0, -1):
        if body[place].is_word("format") and body[place + 1].kind == "word" and not _in_brackets(body[place:]):
            form = body[place + 1].text
            break
    sql = text[: body[-1].end] if body and not has_more else text
    if first_word == "with" and any(
        token.is_word("insert") and not _in_brackets(body[place:]) for place, token in enumerate(body)
    ):
        first_word = "insert"
    return Statement(sql, first_word, form, has_more=has_more)


def _in_brackets(rest: list[Token]) -> bool:
    """Whether a bracket closes in the rest that did not open there."""
    depth = 0
    for token in rest:
        depth += (token.text in "([{") - (token.text in ")]}") if token.kind == "symbol" else 0
        if depth < 0:
            return True
    return False
