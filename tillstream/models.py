"""The models, through dbt: put together, built, compiled, tested.

dbt runs as a process of its own against ClickHouse's HTTP protocol: the embedded warehouse's own
endpoint, or a server. The project is put together in the pipeline's folder from three parts: what
comes with tillstream, the store's canonical views, and the models folder of the user's project.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tillstream.errors import ModelError, ModelTestFailed
from tillstream.live.definitions import Definitions, Fact, Rollup
from tillstream.live.layer import LiveLayer

# Beside the package in a checkout; inside it in a wheel.
_PLACES = (Path(__file__).parent / "_dbt", Path(__file__).parent.parent / "dbt")
_PASSWORD = "TILL_DBT_PASSWORD"
_LONGEST = 3600.0
# dbt, but gone as soon as its standard input ends: it must not go on building when we were killed.
_DBT = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.raw.readall(), os._exit(1)), daemon=True).start()
from dbt.cli.main import cli
cli()
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where dbt finds the warehouse."""

    url: str
    user: str = "default"
    password: str = ""


@dataclass(frozen=True, slots=True)
class Project:
    """A dbt project in `folder`: our models, the canonical views called `views`, and the user's `own` folder."""

    folder: Path
    endpoint: Endpoint
    views: str = "demo"
    own: Path | None = None
    threads: int = 2

    def deploy(self, *, full_refresh: bool = False) -> Definitions:
        """Build what is not there or has changed; what the live layer has to know about it."""
        arguments = ["--full-refresh"] if full_refresh else []
        self._dbt("run", *arguments)
        return definitions_in(self._manifest())

    def compile(self) -> Definitions:
        """Compile without building."""
        self._dbt("compile")
        return definitions_in(self._manifest())

    def test(self, select: Sequence[str] = ()) -> int:
        """Run the models' tests and count them; ModelTestFailed names the first that fails."""
        self._dbt("test", *(["--select", *select] if select else []))
        path = self.folder / "target" / "run_results.json"
        return len(json.loads(path.read_text())["results"]) if path.is_file() else 0

    def _manifest(self) -> Mapping[str, Any]:
        manifest: Mapping[str, Any] = json.loads((self.folder / "target" / "manifest.json").read_text())
        return manifest

    def _dbt(self, *command: str) -> None:
        self._put_together()
        # What an earlier run left would be taken for this one's result.
        (self.folder / "target" / "run_results.json").unlink(missing_ok=True)
        arguments = [sys.executable, "-c", _DBT, "--log-format", "json", "--no-version-check"]
        arguments += ["--no-send-anonymous-usage-stats", *command, "--threads", str(self.threads)]
        arguments += ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        arguments += ["--target-path", str(self.folder / "target"), "--log-path", str(self.folder / "logs")]
        until_we_end, held_open = os.pipe()
        try:
            run = subprocess.run(
                arguments,
                cwd=self.folder,
                env={**os.environ, _PASSWORD: self.endpoint.password, "DO_NOT_TRACK": "1", "DBT_USE_COLORS": "false"},
                stdin=until_we_end,
                capture_output=True,
                text=True,
                timeout=_LONGEST,
                check=False,
                # Ctrl-C is for us: a model that is being built is built to its end.
                start_new_session=True,
            )
        finally:
            os.close(until_we_end)
            os.close(held_open)
        if run.returncode != 0:
            raise _failure(run.stdout, run.stderr, self.folder)

    def fingerprint(self) -> str:
        """Another text whenever a file of the project is another."""
        seen = hashlib.blake2b(digest_size=16)
        for path, source in self._wanted().items():
            content = source.read_bytes()
            seen.update(f"{path} {len(content)}\n".encode() + content)
        return seen.hexdigest()

    def _wanted(self) -> Mapping[Path, Path]:
        """Every file of the project, and where it comes from."""
        ours = next(place for place in _PLACES if place.is_dir())
        wanted = {
            path: source
            for path, source in _files(ours)
            if path.parts[:2] != ("models", "store") or path.parts[2] == self.views
        }
        if self.own is not None and self.own.is_dir():
            wanted |= {Path("models", "own") / path: source for path, source in _files(self.own)}
        return wanted

    def _put_together(self) -> None:
        wanted = self._wanted()
        for path, source in wanted.items():
            _write(self.folder / path, source.read_bytes())
        _write(self.folder / "profiles.yml", _profiles(self.endpoint).encode())
        for kind in ("models", "macros", "tests"):
            for path, _ in list(_files(self.folder / kind)):
                if Path(kind) / path not in wanted:
                    (self.folder / kind / path).unlink()


def deploy(project: Project, layer: LiveLayer, *, full_refresh: bool = False) -> None:
    """Build the models and let the live layer follow them. Call it while the pump is held.

    While the layer is not ready, batches pass it by, so facts from before are made anew then.
    """
    passed_by, fingerprint = not layer.ready, project.fingerprint()
    layer.forget()
    layer.adopt(replace(project.deploy(full_refresh=full_refresh or passed_by), fingerprint=fingerprint))


def definitions_in(manifest: Mapping[str, Any]) -> Definitions:
    """The facts and rollups in dbt's manifest."""
    models = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    facts = {key: _fact(node) for key, node in models.items() if node["config"]["materialized"] == "facts"}
    rollups = []
    for node in models.values():
        sources = [facts[key] for key in node["depends_on"]["nodes"] if key in facts]
        if node["config"]["materialized"] != "materialized_view":
            continue
        if len(sources) > 1:
            raise _of_two_facts(node, sources)
        if sources:
            keys = tuple(_listed(node["config"].get("order_by")))
            rollups.append(Rollup(node["alias"], node["schema"], sources[0].name, keys, node["compiled_code"]))
    return Definitions(
        tuple(sorted(facts.values(), key=lambda fact: fact.name)),
        tuple(sorted(rollups, key=lambda rollup: rollup.name)),
    )


def _of_two_facts(node: Mapping[str, Any], facts: Sequence[Fact]) -> ModelError:
    names = " and ".join(f'"{name}"' for name in sorted(fact.name for fact in facts))
    return ModelError(
        f'rollup "{node["alias"]}" reads more than one fact',
        detail=f"It reads {names}. A rollup is moved by the rows of one table only, so it would miss the others'.",
        hint=f"Make one rollup over each, and a view that joins them, in place of {node['original_file_path']}.",
    )


def _fact(node: Mapping[str, Any]) -> Fact:
    config = node["config"]
    return Fact(
        name=node["alias"],
        root=config["meta"]["root"],
        key=_listed(config["primary_key"])[0],
        rows=tuple(_listed(config["order_by"])),
        sql=node["compiled_code"],
    )


def _listed(value: str | list[str] | None) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def _files(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Every file below a folder that dbt reads: its path inside, and its path."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".sql", ".yml", ".md", ".csv") and not {"target", "logs"} & set(path.parts):
            yield path.relative_to(folder), path


def _write(path: Path, content: bytes) -> None:
    # Left alone when it is the same, so that dbt need not parse it again.
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _profiles(endpoint: Endpoint) -> str:
    parts = urlsplit(endpoint.url)
    output = {
        "type": "clickhouse",
        "schema": "marts",
        "host": parts.hostname or "127.0.0.1",
        "port": parts.port or (8443 if parts.scheme == "https" else 8123),
        "user": endpoint.user,
        "password": f"{{{{ env_var('{_PASSWORD}', '') }}}}",
        "secure": parts.scheme == "https",
        "driver": "http",
        "check_exchange": False,
        # dbt switches deduplication off for what it builds unless told not to.
        "allow_automatic_deduplication": True,
        "send_receive_timeout": int(_LONGEST),
    }
    return json.dumps({"tillstream": {"target": "till", "outputs": {"till": output}}}, indent=2)


def _failure(output: str, errors: str, folder: Path) -> ModelError:
    """The first thing that went wrong, in the words of the engine or of dbt."""
    failed = _first_failed(folder)
    if failed is not None:
        kind, name, message = failed
        hint = f"Its compiled SQL is in {folder}/target."
        if kind == "test":
            return ModelTestFailed(f'test "{name}" fails', detail=message, hint=hint)
        return ModelError(f'{kind} "{name}" could not be built', detail=message, hint=hint)
    messages = []
    for line in output.splitlines():
        try:
            entry = json.loads(line)["info"]
        except (ValueError, KeyError, TypeError):
            continue
        if entry.get("level") == "error":
            messages.append(entry.get("msg", "").strip())
    text = "\n".join(messages) or errors.strip()[-2000:] or output.strip()[-2000:]
    return ModelError("the models could not be read", detail=text[:4000], hint=f"dbt's log is in {folder}/logs.")


def _first_failed(folder: Path) -> tuple[str, str, str] | None:
    path = folder / "target" / "run_results.json"
    if not path.is_file():
        return None
    for result in json.loads(path.read_text())["results"]:
        if result["status"] in ("error", "fail", "runtime error"):
            kind, _, name = result["unique_id"].split(".")[:3]
            return kind, name, (result["message"] or "").strip()
    return None
