"""The linear displacement spin Hall effect, eq. (7), of a real insulator: GaAs from first principles, mu in the gap, T = 0.

    python workflows/paper/displacement_gaas.py [-o displacement_gaas.pdf] [--quick]

(a) sigma_xy;z(w) below the gap on the finest mesh, with its error band: (7), and the whole cos part, (6a) + (7); (b) the same on
coarser meshes; (c) on one coarse mesh without symmetry, against eq. (7) as printed, pair by pair of bands from the spin
quantum geometric tensor. The sin part (spin metric) is odd under T and vanishes: without symmetry what is
left measures how far the Wannier model breaks T.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
from common import ROOT, Check, Curve, Real, draw_curves, figure_of, finish, options
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import wannier_spin as ws
from wannier_spin.observables import get
from wannier_spin.plotting.canvas import COLOURS
from wannier_spin.units import response_factor

STATIC, DYNAMIC = "spin_hall", "displacement_spin_current"
EXAMPLE = ROOT / "example_inputs" / "GaAs"
MU, VALENCE = 9.13, 8  # eV, in the gap; filled bands of the model
XYZ = (..., 0, 1, 2)
PER_CM = 0.01  # S/m -> S/cm
BATCH = 64  # k-points at a time
Run = Mapping[str, Real]


def computed(model: ws.TightBindingModel, omega: Real, n: int, structure: ws.Structure | None) -> dict[str, Real]:
    """Ours on an n^3 mesh, in (hbar/e) S/cm: (6a), cos and sin part of (7), and the error of the cos part."""
    settings = {"mu": MU, "temperature": 0, "omega": omega, "units": "SI", "symmetry": structure}
    result = ws.compute(model, [STATIC, DYNAMIC], grid=(n, n, n), **settings)
    cosine, sine = np.moveaxis(PER_CM * result[DYNAMIC].values[0, 0][XYZ], 1, 0)
    static = PER_CM * result[STATIC].values[0, 0][XYZ]
    return {
        "static": np.full(len(omega), static),
        "static error": np.full(len(omega), PER_CM * result[STATIC].error[0, 0][XYZ]),
        "cos": cosine,
        "error": PER_CM * result[DYNAMIC].error[0, 0][:, 0][XYZ],
        "sin": sine,
    }


def as_printed(model: ws.TightBindingModel, omega: Real, n: int) -> dict[str, Real]:
    """(7) literally, sum_{n != m} f_n (l1 Omega_nm + 2 l2 g_nm) over an n^3 mesh, in (hbar/e) S/cm; and (6a).

    n is filled and m empty: two filled bands cancel in the sum, where gaps of meV would leave rounding errors of 1e-9. Pairs
    split by less than the degeneracy tolerance are one level, as in ours; with their own energies (7) moves by 1e-8 of itself.
    """
    k = np.stack(np.meshgrid(*3 * [np.arange(n) / n], indexing="ij"), axis=-1).reshape(-1, 3)
    total = {"static": np.zeros(len(omega)), "cos": np.zeros(len(omega)), "sin": np.zeros(len(omega))}
    for batch in np.array_split(k, -(-len(k) // BATCH)):
        geometry = ws.band_geometry(model, batch)
        qgt = ws.spin_qgt(geometry)[:, 0, 1, 2, :VALENCE, VALENCE:]  # (k, n, m)
        energies = geometry.group_energies
        gap = energies[:, :VALENCE, None] - energies[:, None, VALENCE:]
        for i, w in enumerate(omega):
            l1, l2 = -(w**2) / (w**2 - gap**2), gap * w / (w**2 - gap**2)
            total["static"][i] += (-2 * qgt.imag).sum()
            total["cos"][i] += (l1 * -2 * qgt.imag).sum()
            total["sin"][i] += (2 * l2 * qgt.real).sum()
    volume = abs(np.linalg.det(model.lattice))
    factor = PER_CM * response_factor(get("spin_current").measure, 1, 0, 3, "SI", 1.0) / (len(k) * volume)
    return {key: factor * value for key, value in total.items()}


def checks(same: Run, printed: Run) -> list[Check]:
    words = "as printed, pair by pair, on the same mesh"
    against = [Check(f"{name} {words}", same[key], printed[key], 1e-9) for key, name in (("static", "(6a)"), ("cos", "(7) cos"))]
    whole = same["static"] + same["cos"]
    return [*against, Check("sin part, forbidden by T, against (6a) + (7), no symmetry used", whole + same["sin"], whole, 1e-6)]


def picture(omega: Real, meshes: Mapping[int, Run], same: Run, printed: Run, n_same: int) -> Figure:
    x, fine = 1e3 * omega, meshes[max(meshes)]
    labels = (r"$\hbar\omega$ (meV)", r"$\sigma_{xy;z}$ ((ħ/e) S/cm)")

    def converged(axes: Axes) -> None:
        whole, error = fine["static"] + fine["cos"], fine["static error"] + fine["error"]
        curves = [Curve("(7)", x, fine["cos"]), Curve("(6a) + (7)", x, whole), Curve("(6a)", x, fine["static"])]
        draw_curves(axes, curves, f"GaAs, {max(meshes)}³ mesh (band: against {max(meshes) // 2}³)", labels, ncols=3)
        axes.fill_between(x, fine["cos"] - fine["error"], fine["cos"] + fine["error"], color=COLOURS[0], alpha=0.2, lw=0)
        axes.fill_between(x, whole - error, whole + error, color=COLOURS[1], alpha=0.2, lw=0)

    def convergence(axes: Axes) -> None:
        curves = [Curve(f"{n}³ mesh", x, run["cos"]) for n, run in meshes.items()]
        draw_curves(axes, curves, "(7), meshes", labels, ncols=3)

    def literal(axes: Axes) -> None:
        curves = [
            Curve("ours, (7)", x, same["cos"]),
            Curve("ours, (6a) + (7)", x, same["static"] + same["cos"]),
            Curve(
                "as printed, pair by pair",
                np.tile(x, 2),
                np.concatenate([printed["cos"], printed["static"] + printed["cos"]]),
                True,
            ),
        ]
        draw_curves(axes, curves, f"{n_same}³ mesh (not converged)", labels)

    return figure_of([converged, convergence, literal], columns=3)


def main(argv: list[str] | None = None) -> int:
    chosen = options(__doc__, "displacement_gaas.pdf", argv)
    n_same, sizes = (4, (6, 8)) if chosen.quick else (12, (24, 48, 96))
    omega = np.linspace(0, 0.30, 4 if chosen.quick else 16)
    model, structure = ws.load_model(EXAMPLE / "GaAs.model.h5"), ws.read_structure(EXAMPLE / "GaAs.win")
    meshes = {n: computed(model, omega, n, structure) for n in sizes}
    print("sigma_xy;z of GaAs at mid-gap, (hbar/e) S/cm")
    for n, run in meshes.items():
        last = f"(7) at {1e3 * omega[-1]:.0f} meV {run['cos'][-1]:.4g} +- {run['error'][-1]:.1g}"
        print(f"{n:4}^3 mesh: (6a) {run['static'][0]:.4g} +- {run['static error'][0]:.1g}; {last}")
    same, printed = computed(model, omega, n_same, None), as_printed(model, omega, n_same)
    return finish(picture(omega, meshes, same, printed, n_same), chosen.output, checks(same, printed))


if __name__ == "__main__":
    sys.exit(main())
