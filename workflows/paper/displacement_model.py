"""The linear displacement spin Hall effect, eq. (7), of a Dirac insulator with conserved sz, in closed form and computed, at T = 0.

    python workflows/paper/displacement_model.py [-o displacement_model.pdf] [--quick]

    H_s = v1 k1 tx + s v2 k2 ty + D tz for spin s = +1, the velocities exchanged for s = -1;  D = 40 meV
    k1 = (kx + ky)/sqrt 2, k2 = (ky - kx)/sqrt 2;  tx, ty, tz: Pauli matrices of the orbital

v1 = v2 is the quantum spin Hall insulator with T (and then g^{xy;z} = 0: no sin part); v1 = 2 v2 an altermagnetic one, which only
keeps T C4z. With M = max(|mu|, D), L = ln[(2M + w)/(2M - w)], r = v1/v2 eq. (7) is, for sigma_xy;z,

    cos part   D/(4 pi) (L/w - 1/M)                                        added to (6a) = D/(4 pi M)
    sin part   (r - 1/r)/(32 pi) [L (1 + 4 D^2/w^2) - 4 D^2/(w M)]

and with a broadening eta: Re and Im of [cos part + i sin part] at w + i eta.
(a) cos part below the edge; (b) sin part; (c) through the edge w = 2M with a broadening.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
from common import Check, Curve, Real, draw_curves, figure_of, finish, options
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import wannier_spin as ws
from wannier_spin.observables import get
from wannier_spin.units import response_factor

STATIC, DYNAMIC = "spin_hall", "displacement_spin_current"
D, VELOCITY, ETA = 0.040, 1.0, 0.008  # eV, eV angstrom, eV
INSULATOR, METAL = 0.0, 0.060  # mu in eV
XYZ = (..., 0, 1, 2)
G0 = response_factor(get("spin_current").measure, 1, 0, 2, "SI", 1.0)
PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
ONE = np.eye(2)


def model(r: float) -> ws.KPModel:
    """Spin up in the first two states, down in the others; r = v1/v2 at fixed v1 v2."""
    v1, v2 = VELOCITY * np.sqrt(r), VELOCITY / np.sqrt(r)
    linear = np.zeros((3, 4, 4), complex)
    for s, (a, b), at in ((+1, (v1, v2), slice(0, 2)), (-1, (v2, v1), slice(2, 4))):
        linear[0, at, at] = (a * PAULI[0] - s * b * PAULI[1]) / np.sqrt(2)
        linear[1, at, at] = (a * PAULI[0] + s * b * PAULI[1]) / np.sqrt(2)
    spin = np.array([np.kron(pauli, ONE) for pauli in PAULI])
    constant, quadratic = np.kron(ONE, D * PAULI[2]), np.zeros((3, 3, 4, 4))
    return ws.KPModel(constant=constant, linear=linear, quadratic=quadratic, spin=spin, name=f"Dirac insulator, v1/v2 = {r:g}")


def closed_form(omega: Real, mu: float, r: float, eta: float = 0.0) -> tuple[Real, Real]:
    """(7) in SI: cos and sin part of sigma_xy;z."""
    z, M = omega + 1j * eta, max(abs(mu), D)
    L = np.log((2 * M + z) / (2 * M - z))
    curvature = D / (4 * np.pi) * (L / z - 1 / M)
    metric = (r - 1 / r) / (32 * np.pi) * (L * (1 + 4 * D**2 / z**2) - 4 * D**2 / (z * M))
    amplitude = G0 * (curvature + 1j * metric)
    return amplitude.real, amplitude.imag


def static_closed_form(mu: float) -> float:
    """(6a) in SI."""
    return G0 * D / (4 * np.pi * max(abs(mu), D))


def computed(omega: Real, mu: float, r: float, eta: float, grid: tuple[int, int]) -> dict[str, Real]:
    """Ours in SI: the static (6a), and cos and sin part of (7)."""
    options = {"omega": omega, "broadening": eta, "temperature": 0, "units": "SI", "degeneracy_tolerance": 1e-9}
    result = ws.compute(model(r), [STATIC, DYNAMIC], grid=grid, mu=mu, **options)
    cosine, sine = np.moveaxis(result[DYNAMIC].values[0, 0], 1, 0)
    return {"static": result[STATIC].values[0, 0][XYZ], "cos": cosine[XYZ], "sin": sine[XYZ]}


CASES = {  # name -> (mu, r, eta, from, to) with frequencies in units of the edge 2M
    "T, insulator": (INSULATOR, 1.0, 0.0, 0.02, 0.97),
    "T, metal": (METAL, 1.0, 0.0, 0.02, 0.97),
    "altermagnet, insulator": (INSULATOR, 2.0, 0.0, 0.02, 0.97),
    "altermagnet, broadened": (INSULATOR, 2.0, ETA, 0.02, 2.0),
}
GRIDS = ((32, 48), (48, 48))  # without and with broadening: there the poles are near the axis, but not on it
Found = Mapping[str, tuple[Real, dict[str, Real]]]


def run(quick: bool) -> Found:
    """Every case: its frequencies, and ours."""
    found = {}
    for name, (mu, r, eta, low, high) in CASES.items():
        omega = 2 * max(mu, D) * np.linspace(low, high, 3 if quick else 81 if eta else 41)
        found[name] = omega, computed(omega, mu, r, eta, GRIDS[eta > 0])
    return found


def checks(found: Found) -> list[Check]:
    """Ours against the closed forms, scale of a curve: its largest value."""
    against = []
    for name, (omega, ours) in found.items():
        mu, r, eta, *_ = CASES[name]
        against.append(Check(f"{name}: (6a)", ours["static"], np.array(static_closed_form(mu)), 1e-8))
        for part, expected in zip(("cos", "sin"), closed_form(omega, mu, r, eta), strict=True):
            scale = np.abs(expected).max()
            if scale > 0:
                shifted = expected + (2 * scale if eta else 0)  # a broadened curve crosses zero
                against.append(Check(f"{name}: {part} part", ours[part] + shifted - expected, shifted, 1e-8))
            else:  # forbidden by T: compared with the cos part
                against.append(Check(f"{name}: {part} part vanishes", ours[part] + ours["cos"], ours["cos"], 1e-8))
    return against


def picture(found: Found) -> Figure:
    def lines(name: str, part: str, label: str, plus: float = 0.0) -> list[Curve]:
        """Ours, and the closed form as points."""
        omega, ours = found[name]
        mu, r, eta, *_ = CASES[name]
        few = slice(None, None, max(1, len(omega) // 14))
        exact = closed_form(omega, mu, r, eta)[part == "sin"]
        return [
            Curve(label, 1e3 * omega, 1e6 * (ours[part] + plus)),
            Curve("closed form", 1e3 * omega[few], 1e6 * (exact[few] + plus), True),
        ]

    def merged(pairs: list[list[Curve]]) -> list[Curve]:
        """All lines, and all points as one."""
        points = [pair[1] for pair in pairs]
        x, y = (np.concatenate([getattr(curve, key) for curve in points]) for key in "xy")
        return [*(pair[0] for pair in pairs), Curve("closed form", x, y, points=True)]

    unit = r"$\sigma_{xy;z}$ ($10^{-6}$ (ħ/e) S)"
    frequency = r"$\hbar\omega$ (meV)"

    def cosine(axes: Axes) -> None:
        (_, gap), (_, metal) = found["T, insulator"], found["T, metal"]
        pairs = [
            lines("T, insulator", "cos", "(7), $\\mu$ in the gap"),
            lines("T, insulator", "cos", "(6a) + (7), $\\mu$ in the gap", float(gap["static"])),
            lines("T, metal", "cos", "(7), $\\mu$ = 60 meV"),
            lines("T, metal", "cos", "(6a) + (7), $\\mu$ = 60 meV", float(metal["static"])),
        ]
        draw_curves(axes, merged(pairs), r"$\cos\omega t$, spin curvature", (frequency, unit))

    def sine(axes: Axes) -> None:
        pairs = [
            lines("altermagnet, insulator", "sin", "altermagnet, $\\mu$ in the gap"),
            lines("T, insulator", "sin", "with T: forbidden"),
        ]
        draw_curves(axes, merged(pairs), r"$\sin\omega t$, spin metric", (frequency, unit))

    def resonant(axes: Axes) -> None:
        name = "altermagnet, broadened"
        static = float(found[name][1]["static"])
        pairs = [lines(name, "cos", "cos, (6a) + (7)", static), lines(name, "sin", "sin, (7)")]
        title = rf"through the edge, altermagnet, $\eta$ = {1e3 * ETA:g} meV"
        draw_curves(axes, merged(pairs), title, (frequency, unit))
        axes.axvline(2e3 * D, color="0.6", lw=0.6, zorder=0)
        axes.text(2e3 * D, 0.03, " 2D", transform=axes.get_xaxis_transform(), size=7, color="0.4")

    return figure_of([cosine, sine, resonant], columns=3)


def main(argv: list[str] | None = None) -> int:
    chosen = options(__doc__, "displacement_model.pdf", argv)
    found = run(chosen.quick)
    omega, ours = found["T, insulator"]
    print(f"insulator with T, sigma_xy;z in (hbar/e) S: (6a) {ours['static']:.6e}, and e^2/h/2 twice is {G0 / (4 * np.pi):.6e}")
    for i in np.unique(np.linspace(0, len(omega) - 1, 5).astype(int)):
        print(f"hbar omega = {1e3 * omega[i]:5.1f} meV: (7) cos {ours['cos'][i]:.4e}")
    return finish(picture(found), chosen.output, checks(found))


if __name__ == "__main__":
    sys.exit(main())
