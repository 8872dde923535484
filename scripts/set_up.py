"""Make `.venv` and install one of the locks into it: `python3 scripts/set_up.py run|dev`.

The Makefile calls this with whatever `python3` the machine has, so it uses the standard library
only, and syntax that an older Python can read far enough to say that it is too old.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def main() -> None:
    """Set up what the lock of that name says, and leave a stamp for make.

    1. Check that this Python will do.
    2. Make the environment, anew if an earlier attempt was broken off.
    3. Install the lock, every file checked against its hash: with uv, which is several times faster;
       with pip where uv can't be had. Meanwhile npm fetches what the page shows.
    4. Install tillstream itself as a link to this folder, with the build tool that the lock brought.
    """
    lock = sys.argv[1]
    begun = time.monotonic()
    _check_python()  # 1
    _make_environment()  # 2
    say("setting up .venv from requirements/%s.txt" % lock)
    has_uv = _has_uv()
    page = subprocess.Popen([str(PYTHON), str(ROOT / "scripts" / "set_up_page.py")], env=_environment())
    if not has_uv or not _installed_by_uv(lock):  # 3
        say("uv can't be used here; pip takes a little longer")
        run("-m", "pip", "install", "-q", "--require-hashes", "-r", requirements(lock))
    run("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-e", ".")  # 4
    page.wait()
    for stamp in ("run", "dev") if lock == "dev" else ("run",):
        (VENV / (stamp + ".stamp")).touch()
    say("ready after %.0f s" % (time.monotonic() - begun))


def _check_python() -> None:
    if sys.version_info < OLDEST:
        version = ".".join(str(part) for part in sys.version_info[:3])
        stop(
            "tillstream needs Python %d.%d or newer; this is %s (%s)" % (*OLDEST, version, sys.executable),
            "install one and name it: make demo PYTHON=python3.12",
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        stop(
            "this Python comes without the venv module (%s)" % sys.executable,
            "on Debian or Ubuntu: apt-get install python%d.%d-venv" % sys.version_info[:2],
        )


def _make_environment() -> None:
    if PYTHON.exists() and not subprocess.run([str(PYTHON), "-c", "import pip"], capture_output=True).returncode:
        return
    if VENV.exists():
        shutil.rmtree(VENV)
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)


def _has_uv() -> bool:
    pip = [str(PYTHON), "-m", "pip", "install", "-q", "--require-hashes", "-r", requirements("installer")]
    return not subprocess.run(pip, cwd=str(ROOT)).returncode


def _installed_by_uv(lock: str) -> bool:
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "-q", "--python", str(PYTHON)]
    return not subprocess.run(
        [*uv, "--require-hashes", "-r", requirements(lock)], cwd=str(ROOT), env=_environment()
    ).returncode


def _environment() -> "dict[str, str]":
    return dict(os.environ, UV_NO_PROGRESS="1", **_index_of_pip())


def _index_of_pip() -> "dict[str, str]":
    # A mirror that was told to pip only is meant for uv too.
    for key in ("global.index-url", "install.index-url", ":env:.index-url"):
        answer = subprocess.run([str(PYTHON), "-m", "pip", "config", "get", key], capture_output=True, text=True)
        if answer.returncode == 0 and answer.stdout.strip() and "UV_DEFAULT_INDEX" not in os.environ:
            return {"UV_DEFAULT_INDEX": answer.stdout.strip()}
    return {}


def requirements(name: str) -> str:
    """The lock's path."""
    return str(ROOT / "requirements" / (name + ".txt"))


def run(*arguments: str) -> None:
    """Run the environment's Python; end with its status if it fails."""
    status = subprocess.run([str(PYTHON), *arguments], cwd=str(ROOT)).returncode
    if status:
        sys.exit(status)


def say(line: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write("· " + line + "\n")


def stop(message: str, hint: str) -> None:
    """End with an error in the form of all of tillstream's errors."""
    sys.stderr.write("error: %s\n  hint:   %s\n" % (message, hint))
    sys.exit(1)


if __name__ == "__main__":
    main()
