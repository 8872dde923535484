"""The pages a stranger meets: the links lead somewhere and the promised sections are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.style.tree import ROOT, files, read

PAGES = [path for path in files() if path.suffix == ".md"]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub turns them into anchors."""
    headings = re.findall(r"^#+ (.+)$", read(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for target in LINK.findall(re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        goal = (ROOT / page.parent / name).resolve() if name else ROOT / page
        inside = goal.relative_to(ROOT) if goal.is_relative_to(ROOT) else None
        if inside is None or not goal.exists() or (anchor and anchor not in anchors(inside)):
            lost.append(target)
    assert lost == []


def test_the_changelog_has_a_place_for_the_next_change() -> None:
    assert re.search(r"^## \[?Unreleased\]?$", read("CHANGELOG.md"), flags=re.MULTILINE)


def test_the_licence_is_apache_two() -> None:
    text = read("LICENSE")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_sql_writes_its_keywords_in_lower_case() -> None:
    shouted = re.compile(r"\b(SELECT|FROM|WHERE|JOIN|GROUP BY|ORDER BY|CREATE TABLE|INSERT INTO|UNION|HAVING)\b")
    found = [
        f"{path}:{number}"
        for path in files()
        if path.suffix == ".sql"
        for number, line in enumerate(read(path).splitlines(), start=1)
        if shouted.search(line.split("--")[0])
    ]
    assert found == []
