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
def scripts(folder: str, *names: str) -> Iterator[Callable[[str], ModuleType]]:
    """Import scripts of a folder by name. names : those that are forgotten afterwards; other folders may have their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(WORKFLOWS / folder))
        yield importlib.import_module
        for name in names:
            sys.modules.pop(name, None)
