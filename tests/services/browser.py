"""A real Chromium, and what it complains about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # has no stubs
from playwright.sync_api import Browser, Page, expect, sync_playwright

# A busy machine takes its time; what is expected still comes.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)


def chromium() -> str:
    """The browser's program: the environment's choice, or the one on the path."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium: install one, or set CHROMIUM to its path")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Opens pages of one server. Whatever a script gets wrong or asks of somebody else is a complaint."""

    browser: Browser
    complaints: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)

    def open(
        self,
        url: str,
        *,
        width: int = 1360,
        height: int = 900,
        scheme: Literal["light", "dark"] = "light",
    ) -> Page:
        """A new page, loaded."""
        page = self.browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.set_default_timeout(PATIENCE_MS)
        own = url.split("/", 3)[2]
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("console", lambda said: self._note(said.type, said.text))
        page.on("request", lambda asked: self._check(asked.url, own))
        page.goto(url)
        self.pages.append(page)
        return page

    def close(self) -> None:
        """Close every page; nothing may have gone wrong on any."""
        for page in self.pages:
            page.close()
        assert self.complaints == []

    def _note(self, kind: str, text: str) -> None:
        if kind == "error" and "ERR_" not in text:
            self.complaints.append(text)

    def _check(self, url: str, own: str) -> None:
        if url.split("/", 3)[2] != own:
            self.complaints.append(url)


def barriers(page: Page) -> list[str]:
    """What axe finds that keeps people out: its serious and critical findings."""
    found: dict[str, Any] = Axe().run(page).response
    return [
        f"{each['id']}: {each['help']} ({each['nodes'][0]['html'][:120]})"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
