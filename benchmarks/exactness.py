"""Afterwards: is every table, fact and rollup what the store says?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.pipeline import PATIENCE, flowing, opened
from tillstream.assembly.store import log_end


def main() -> None:
    """`python -m benchmarks.exactness URL FOLDER`; fails when it is not."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    assembly = opened(folder, url)
    with flowing(assembly):
        assembly.supervisor.drain(log_end(url), PATIENCE)
        report = assembly.verify()
    print(json.dumps({"tables": len(report.comparisons), "different": len(report.differences)}))
    sys.exit(0 if report.exact else 1)


if __name__ == "__main__":
    main()
