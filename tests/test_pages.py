"""Memory that batches give back stays with the process."""

import subprocess
import sys

import pytest

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


@pytest.mark.parametrize("variable", ["MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_what_the_user_has_set_is_left_alone(variable: str):
    assert not _run({variable: "" if variable == "GLIBC_TUNABLES" else "131072"})[1]
