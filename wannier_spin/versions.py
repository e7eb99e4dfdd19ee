"""Versions of installed packages, ours among them."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache  # a few milliseconds each, and every result names eight
def installed(package: str) -> str:
    """The version of a package, by its name in the package index; "not installed" where it is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
