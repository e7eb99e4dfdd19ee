"""One integral by several codes: k-points, CPU seconds, true error and error bar of meshes, tolerances and adaptive refinements.

    python workflows/verification/codes.py [ours] [wannierberri] [postw90]

The spin Hall effect of platinum at E_F - 0.5, E_F, E_F + 0.5 eV and 300 K. Replaces what it computed in codes.json beside this
script, of which the table on the page on validation is made; two minutes on a core. The truth is a mesh finer than all others; its
own bar is stored. In wannierberri the same integrand runs. postw90 (in the path) has another one (Qiao's spin current, T = 0,
eta = 0.05 eV), and is compared with its own largest mesh. CPU seconds are those of the whole call, without reading the model.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import wannier_spin as ws

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "example_inputs"
OUTPUT = Path(__file__).with_name("codes.json")
RESPONSE = "spin_hall"
MU, T = 22.4839 + np.array([-0.5, 0.0, 0.5]), 300.0
TRUTH = 134  # points along every axis: not a multiple of 16 or 20, which all meet one gap of 5 meV
MESHES, TOLERANCES = (24, 28, 36, 44, 52, 60), (1e-1, 3e-2, 1e-2)
REFINED = ((24, 0), (24, 5), (24, 20), (48, 0), (48, 5), (48, 20))  # mesh and number of refinements
POSTW90 = ((24, 1, 0), (24, 5, 300), (24, 5, 100), (24, 5, 30), (48, 1, 0), (48, 5, 100), (72, 1, 0))  # mesh, refinement, threshold

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """values (mu, ...); bar: the largest of its own, None where it has none."""

    method: str
    points: int
    seconds: float
    values: Real
    bar: float | None


@dataclass(frozen=True)
class Row:
    """error : largest deviation from the truth. error and bar relative to the largest value; seconds: None where not measured."""

    method: str
    points: int
    seconds: float | None
    error: float
    bar: float | None


def rows(found: list[Found], truth: Real) -> list[dict[str, Any]]:
    largest = np.abs(truth).max()
    kept = []
    for one in found:
        bar = None if one.bar is None else one.bar / largest
        kept.append(asdict(Row(one.method, one.points, one.seconds, float(np.abs(one.values - truth).max() / largest), bar)))
    return kept


def timed(compute: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    return compute(), time.process_time() - start


@dataclass(frozen=True)
class Platinum:
    model: ws.TightBindingModel
    structure: ws.Structure

    @classmethod
    def read(cls) -> Platinum:
        seedname = EXAMPLES / "Pt" / "Pt"
        return cls(ws.read_wannier90(seedname), ws.read_structure(f"{seedname}.win"))

    def ours(self, method: str, **how: Any) -> Found:
        """On a mesh, or within a tolerance."""
        options = {"mu": MU, "temperature": T, "symmetry": self.structure} | how
        result, seconds = timed(lambda: ws.compute(self.model, RESPONSE, **options))
        tensor = result[RESPONSE]
        found = Found(method, int(result.facts.k_points), seconds, tensor.values[:, 0], float(tensor.error.max()))
        print(found.method, found.points, round(seconds, 1), flush=True)
        return found

    def wannierberri(self, n: int, iterations: int) -> Found:
        """Its grid of n^3 points and so many refinements, with our integrand."""
        import wannierberri as wb

        from wannier_spin.berri import calculators, point_group, to_system_R
        from wannier_spin.symmetry import magnetic_group

        system = to_system_R(self.model)
        system.set_pointgroup(pointgroup=point_group(magnetic_group(self.structure).operations, system.real_lattice))
        counted = [0]
        made = calculators([RESPONSE], Efermi=MU, temperature=T)
        wanted = {key: _Counting(calculator, counted) for key, calculator in made.items()}
        grid = wb.Grid(system, NKdiv=n // 4, NKFFT=4)
        with tempfile.TemporaryDirectory() as folder:
            place = {"fout_name": f"{folder}/w", "file_Klist_path": f"{folder}/k"}
            options = {"parallel": False, "adpt_num_iter": iterations, "use_irred_kpt": True, "symmetrize": True}
            result, seconds = timed(lambda: wb.run(system, grid, wanted, **options, **place))
        method = f"wannierberri {n}^3" + (f", {iterations} refinements" if iterations else "")
        print(method, counted[0], round(seconds, 1), flush=True)
        return Found(method, int(counted[0]), seconds, result.results[RESPONSE].data[:, 0], None)


class _Counting:
    """A calculator that counts the k-points it is given."""

    def __init__(self, calculator: Any, counted: list[int]) -> None:
        self._calculator, self._counted = calculator, counted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._calculator, name)

    def __call__(self, data_K: Any) -> Any:
        self._counted[0] += data_K.nk
        return self._calculator(data_K)


def ours() -> Iterator[tuple[str, Any]]:
    """The truth, and rows of meshes and tolerances."""
    platinum = Platinum.read()
    truth = platinum.ours(f"mesh {TRUTH}^3", grid=(TRUTH,) * 3)
    largest = np.abs(truth.values).max()
    yield "truth", {"method": truth.method, "points": truth.points, "bar": truth.bar / largest, "values": truth.values.tolist()}
    found = [platinum.ours(f"mesh {n}^3", grid=(n,) * 3) for n in MESHES]
    found += [platinum.ours(f"tolerance {wanted:g}", tolerance=wanted) for wanted in TOLERANCES]
    yield "ours", rows(found, truth.values)


def wannierberri(stored: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    platinum = Platinum.read()
    yield "wannierberri", rows([platinum.wannierberri(*how) for how in REFINED], np.array(stored["truth"]["values"]))


def postw90() -> Iterator[tuple[str, Any]]:
    """sigma_xy;z at three Fermi energies."""
    found = []
    for n, points, threshold in POSTW90:
        with tempfile.TemporaryDirectory() as name:
            values, triggered, seconds = _run_postw90(Path(name), n, points, threshold)
        label = f"postw90 {n}^3" + (f", refined {points}^3 above {threshold} angstrom^2" if points > 1 else "")
        found.append(Found(label, n**3 + triggered * points**3, seconds, values, None))
        print(label, found[-1].points, values, flush=True)
    yield "postw90", rows(found[:-1], found[-1].values)


def _run_postw90(folder: Path, n: int, points: int, threshold: float) -> tuple[Real, int, float]:
    pt = EXAMPLES / "Pt"
    for ending in ("chk", "eig", "spn"):
        os.symlink(pt / f"Pt.{ending}", folder / f"Pt.{ending}")
    (folder / "Pt.mmn").write_bytes(gzip.decompress((pt / "Pt.mmn.gz").read_bytes()))
    text = (pt / "postw90" / "Pt.win").read_text()
    changes = {"berry_kmesh": f"{n} {n} {n}", "fermi_energy_min": "21.9839", "fermi_energy_max": "22.9839"}
    changes["fermi_energy_step"] = "0.5"
    for key, value in changes.items():
        text = re.sub(rf"^{key}\s*=.*$", f"{key} = {value}", text, flags=re.MULTILINE)
    text = re.sub(r"^write_.*\n", "", text, flags=re.MULTILINE)
    extra = "use_ws_distance = false\n"  # all functions sit on the atom: the same, and faster
    if points > 1:
        extra += f"berry_curv_adpt_kmesh = {points}\nberry_curv_adpt_kmesh_thresh = {threshold}\n"
    (folder / "Pt.win").write_text(extra + text)
    before = os.times().children_user
    subprocess.run(["postw90.x", "Pt"], cwd=folder, check=True, stdin=subprocess.DEVNULL)
    values = np.loadtxt(folder / "Pt-shc-fermiscan.dat")[:, 2]
    triggered = re.search(r"Points triggering refinement:\s+(\d+)", (folder / "Pt.wpout").read_text())
    return values, int(triggered[1]) if triggered else 0, os.times().children_user - before


def main(names: list[str]) -> None:
    warnings.simplefilter("ignore")
    stored: dict[str, Any] = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    parts: dict[str, Callable[[], Iterator[tuple[str, Any]]]]
    parts = {"ours": ours, "wannierberri": lambda: wannierberri(stored), "postw90": postw90}
    for name in names or parts:
        if name == "postw90" and shutil.which("postw90.x") is None:
            print("postw90.x is not in the path: its rows stay as they are", file=sys.stderr)
            continue
        for key, value in parts[name]():
            stored[key] = value
            OUTPUT.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
