"""Memory that batches give back stays with the process."""

import os
import subprocess
import sys

import pytest

from wannier_spin import pages

COUNT = """
import resource
import numpy as np
from wannier_spin.pages import keep_freed_pages

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        np.ones((40, 2**17))  # 40 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

without, kept = faults(), keep_freed_pages()
print(without, kept, faults())
"""


def _run(environment: dict[str, str]) -> tuple[int, bool, int]:
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True, env=environment)
    without, kept, after = done.stdout.split()
    return int(without), kept == "True", int(after)


@pytest.mark.skipif(sys.platform != "linux", reason="the options are those of glibc")
def test_pages_come_from_the_system_once():
    without, kept, after = _run({})
    if not kept:
        pytest.skip("another C library")
    assert without > 0
    assert after < 0.1 * without


@pytest.mark.parametrize(("largest", "asked"), [(2**40, [2**28]), (2**25, [2**28, 2**25]), (0, [2**28, 2**25])])
def test_an_older_library_takes_a_smaller_threshold_or_none(largest: int, asked: list[int], monkeypatch: pytest.MonkeyPatch):
    """glibc 2.28 refuses more than 32 MiB for an array; the other threshold alone would send every array to the system."""
    calls: list[tuple[int, int]] = []

    class Library:
        def __init__(self, _: None) -> None: ...

        @staticmethod
        def mallopt(option: int, value: int) -> int:
            calls.append((option, value))
            return int(option == pages.M_TRIM_THRESHOLD or value <= largest)

    monkeypatch.setattr(pages.ctypes, "CDLL", Library)
    monkeypatch.setattr(pages.sys, "platform", "linux")
    for name in [name for name in os.environ if name.startswith(("MALLOC_", "GLIBC_TUNABLES"))]:
        monkeypatch.delenv(name)
    assert pages.keep_freed_pages.__wrapped__() == (largest > 0)
    expected = [(pages.M_MMAP_THRESHOLD, size) for size in asked]
    assert calls == expected + ([(pages.M_TRIM_THRESHOLD, pages.KEPT)] if largest else [])


@pytest.mark.parametrize("variable", ["MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_what_the_user_has_set_is_left_alone(variable: str):
    assert not _run({variable: "" if variable == "GLIBC_TUNABLES" else "131072"})[1]
