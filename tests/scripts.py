"""Scripts of `workflows` as modules, which import what lies beside them."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

WORKFLOWS = Path(__file__).resolve().parents[1] / "workflows"


@contextmanager
def scripts(folder: str) -> Iterator[Callable[[str], ModuleType]]:
    """Import scripts of a folder by name. Other folders, and the tests, may have modules of the same names: they stay theirs."""
    names = {path.stem for path in (WORKFLOWS / folder).glob("*.py")}
    others = {name: sys.modules.pop(name) for name in names & sys.modules.keys()}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(WORKFLOWS / folder))
        yield importlib.import_module
    for name in names:
        sys.modules.pop(name, None)
    sys.modules.update(others)
