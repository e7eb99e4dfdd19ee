"""spglib announces its future exceptions with a DeprecationWarning at every call; see test_no_deprecation_warning."""

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/symmetry" in item.path.as_posix():
            item.add_marker(pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning"))
