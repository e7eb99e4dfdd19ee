"""Build the documentation: one HTML folder, readable without a network. A warning (a broken link, an unknown name) is an error.

pip install '.[docs]'
python workflows/documentation/build.py [-o FOLDER]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

PAGES = Path(__file__).resolve().parents[2] / "docs"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("documentation"), help="folder (default: documentation)")
    output = parser.parse_args(argv).output
    try:
        from sphinx.cmd.build import build_main
    except ImportError:
        parser.error("Sphinx is not installed: pip install '.[docs]'")
    failed = build_main(["-W", "--keep-going", "-n", "-q", "-E", "-d", str(output / ".doctrees"), str(PAGES), str(output)])
    if not failed:
        print(f"written to {output / 'index.html'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
