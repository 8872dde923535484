"""What no tracked file may say: where it was written, where packages come from, what is still to do."""

from __future__ import annotations

import re

from tests.style.tree import files, read

REFUSED = {
    "a path of one machine": r"/(work|root|home/\w+)/",
    "a host of packages": r"(pypi|npmjs|npm|maven)\.(org|com)|pythonhosted|--(find-links|index-url|extra-index)",
    "work to be done": r"\b(TODO|FIXME|XXX)\b",
    "a mark of a merge": r"^[<>]{7} ",
}
# The licence is another's text; this file names what it refuses.
SPARED = {"LICENSE", "test_words.py"}


def test_no_file_says_what_none_should() -> None:
    found = []
    for path in files():
        if path.name in SPARED:
            continue
        for number, line in enumerate(read(path).splitlines(), start=1):
            found += [f"{path}:{number}: {what}" for what, pattern in REFUSED.items() if re.search(pattern, line)]
    assert found == []


def test_locks_hold_hashes_and_no_addresses() -> None:
    for name in ("run", "dev", "installer", "node"):
        lock = read(f"requirements/{name}.txt")
        assert "://" not in lock
        assert "--" not in lock.replace("--hash=sha256:", "")
        pinned = re.findall(r"^\S+==\S+", lock, flags=re.MULTILINE)
        assert pinned
        assert len(pinned) == len(re.findall(r"^[a-z0-9]", lock, flags=re.MULTILINE))
