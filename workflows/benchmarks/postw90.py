"""postw90.x on the files of Pt: seconds of a k-point of its spin Hall scan."""

from __future__ import annotations

import gzip
import re
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

PT = Path(__file__).resolve().parents[2] / "example_inputs" / "Pt"
INPUT = """
berry = true
berry_task = shc
fermi_energy_min = 21.4839
fermi_energy_max = 23.4839
fermi_energy_step = 0.0202
berry_kmesh = {0} {0} {0}
kubo_smr_fixed_en_width = 0.05
"""


def seconds_per_point(meshes: tuple[int, int] = (8, 16)) -> float | None:
    """CPU seconds, from two meshes; None where postw90.x is not in the path."""
    program = shutil.which("postw90.x")
    if program is None:
        return None
    times = [_seconds(program, mesh) for mesh in meshes]
    return (times[1] - times[0]) / (meshes[1] ** 3 - meshes[0] ** 3)


def _seconds(program: str, mesh: int) -> float:
    folder = Path(tempfile.mkdtemp())
    for ending in (".chk", ".eig", ".spn"):
        (folder / f"Pt{ending}").symlink_to(PT / f"Pt{ending}")
    with gzip.open(PT / "Pt.mmn.gz") as packed, open(folder / "Pt.mmn", "wb") as plain:
        shutil.copyfileobj(packed, plain)
    kept = re.sub(r"(?m)^\s*(berry|fermi|kubo|shc)\w*\s*=.*$", "", (PT / "Pt.win").read_text())
    (folder / "Pt.win").write_text(kept + INPUT.format(mesh))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([program, "Pt"], cwd=folder, check=True, capture_output=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
