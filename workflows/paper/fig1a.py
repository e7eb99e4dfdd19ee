"""Fig. 1(a): nonlinear Drude and intrinsic spin current sigma_yxy;y of a pair of tilted Dirac cones, at T = 0.

    python workflows/paper/fig1a.py [-o fig1a.pdf] [--quick]

    H_s = vx kx sy - s vy ky sx + beta sz + s alpha ky,    s = +-1 (summed)
    vx = vy = 1e5 m/s, beta = 10 meV, alpha = 0.1 vx, tau = 0.5 ps

(a) eq. (9) against what the printed closed form of g^{yx;y} gives on the Fermi line; (b) eq. (13) as printed, symmetrized in the
fields, and the exact S; (c) the full form with each relaxation; (d) how much larger (9) is than (13).
What differs from the print, and why: README.md of this folder.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

import numpy as np
from common import RELAXATIONS, ROOT, Check, Curve, Real, draw_curves, figure_of, finish, mark_gap, options
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import wannier_spin as ws
from wannier_spin.observables import get
from wannier_spin.units import response_factor

DRUDE, INTRINSIC = "nonlinear_drude_spin_current", "nonlinear_intrinsic_spin_current"
YXYY, YYXY = (..., 1, 0, 1, 1), (..., 1, 1, 0, 1)
VELOCITY, TILT, BETA, TAU = 1e5, 0.1, 0.010, 500.0  # m/s; alpha/vx; eV; fs
TO_SI = response_factor(get("spin_current").measure, 2, 2, 2, "SI", TAU)  # of (9)
SCALE = {"drude": 1e13, "intrinsic": 1e15}
MU_LABEL, UNIT = r"$\mu$ (meV)", "(ħ/e) A m V$^{-2}$"


def reference() -> dict[str, Real]:
    """The table of docs/theory.md, section 8, in full digits, mu >= 0 (everything is odd in mu)."""
    rows = json.loads((ROOT / "tests" / "reference" / "fig1a_tilted_dirac.json").read_text())
    rows = [row for row in rows if row["mu_eV"] >= 0]
    return {key: np.array([row[key] for row in rows]) for key in rows[0] if key != "scaled"}


def computed(mu: Real) -> dict[str, Real]:
    """Our sigma_yxy;y, the sum over the two cones, in SI."""
    total: dict[str, Real] = {}
    for valley in (+1, -1):
        # bands are exact here, and meV apart on purpose: hence the tolerance
        extra = {"units": "SI", "tau": TAU, "degeneracy_tolerance": 1e-9}
        cone = ws.models.tilted_dirac(valley=valley, beta=BETA)
        result = ws.compute(cone, [DRUDE, INTRINSIC], grid=(16, 32), mu=mu, temperature=0, **extra)
        drude, paper = (result[name].at(form="paper") for name in (DRUDE, INTRINSIC))
        one = {
            "sigma2_paper": drude.values[YXYY],
            "sigma2_steady": drude.at(combination={"N2": 1}).values[YXYY],
            "paper0": paper.values[YXYY],
            "paper0_sym": (paper.values[YXYY] + paper.values[YYXY]) / 2,
        }
        one |= {name: result[INTRINSIC].at(relaxation=name).values[YXYY] for name in RELAXATIONS}
        total = {key: total.get(key, 0) + value[:, 0] for key, value in one.items()}
    return total


def printed_on_the_fermi_line(mu: Real, angles: int = 128) -> Real:
    """(9) from the printed g^{yx;y} = s alpha vx (vy^2 ky^2 + beta^2)/(8 E^4), integrated along the Fermi line, in SI.

    For mu > 0 (9) is tau^2 sum_s int_k 2 E g^{yx;y} v_y delta(eps - mu). In q = v k the line is the ellipse
    qx^2 + (1 - t^2) qy^2 + 2 s t mu qy = mu^2 - beta^2 with t = alpha/v, and delta gives dl/|grad eps|.
    """
    v, t = ws.models.velocity_si(VELOCITY), TILT
    phi = 2 * np.pi * np.arange(angles) / angles
    wide = np.sqrt(np.maximum(mu**2 / (1 - t**2) - BETA**2, 0))[:, None]  # half axis along qx; 0: no Fermi line
    high = wide / np.sqrt(1 - t**2)
    qx, around = wide * np.cos(phi), high * np.sin(phi)
    total = np.zeros(len(mu))
    for s in (+1, -1):
        qy = around - s * t * mu[:, None] / (1 - t**2)
        E = np.sqrt(qx**2 + qy**2 + BETA**2)
        g = s * t * v**2 * (qy**2 + BETA**2) / (8 * E**4)
        gradient = np.hypot(qx / E, s * t + qy / E) + (wide == 0)
        line = np.hypot(wide * np.sin(phi), high * np.cos(phi)) / gradient
        total += (2 * E * g * v * (s * t + qy / E) * line).mean(axis=1) / (2 * np.pi * v**2)
    return total * TO_SI


def small_tilt(mu: Real) -> Real:
    """(9) to lowest order in the tilt: tau^2 alpha^2 (mu^2 - beta^2)(mu^2 + 3 beta^2)/(32 pi v mu^4), in SI."""
    metal = np.maximum(mu, BETA)
    v = ws.models.velocity_si(VELOCITY)
    return TO_SI * TILT**2 * v * (metal**2 - BETA**2) * (metal**2 + 3 * BETA**2) / (32 * np.pi * metal**4)


def checks(mu: Real, found: Mapping[str, Real], table: Mapping[str, Real]) -> list[Check]:
    """Ours against the table of the reference, and against the printed metric."""
    at = np.searchsorted(mu, table["mu_eV"])
    names = {
        "sigma2_paper": "(9)",
        "sigma2_steady": "N2, steady state",
        "paper0": "(13) as printed",
        "paper0_sym": "(13) symmetrized",
    }
    names |= {name: f"full, {name}" for name in RELAXATIONS}
    against = [Check(f"{words}, table of the reference", found[key][at], table[key]) for key, words in names.items()]
    words, line = "printed g^{yx;y} on the Fermi line", printed_on_the_fermi_line(table["mu_eV"])
    against.append(Check(f"(9), {words}", found["sigma2_paper"], printed_on_the_fermi_line(mu), 1e-8))
    return [*against, Check(f"{words}, table of the reference", line, table["sigma2_paper"], 1e-8)]


def picture(mu: Real, found: Mapping[str, Real], table: Mapping[str, Real]) -> Figure:
    x, rows = 1e3 * mu, table["mu_meV"]

    def lines(names: Mapping[str, str], scale: float) -> list[Curve]:
        return [Curve(label, x, scale * found[key]) for key, label in names.items()]

    def points(keys: tuple[str, ...], scale: float) -> list[Curve]:
        """The reference; one marker stands for all columns in the legend."""
        values = np.concatenate([scale * table[key] for key in keys])
        return [Curve("reference table", np.tile(rows, len(keys)), values, points=True)]

    def drude(axes: Axes) -> None:
        curves = [
            *lines({"sigma2_paper": "ours, (9) as printed", "sigma2_steady": "ours, steady state = 2×(9)"}, SCALE["drude"]),
            Curve("closed form, small tilt", x, SCALE["drude"] * small_tilt(mu)),
            *points(("sigma2_paper", "sigma2_steady"), SCALE["drude"]),
        ]
        few = np.array([10.2, 13, 16.5, 23.5, 27.5, 32.5, 37.5, 45, 55])
        line = printed_on_the_fermi_line(1e-3 * few)
        curves.append(Curve("printed $g^{yx;y}$, Fermi line", few, SCALE["drude"] * line, points=True))
        draw_curves(axes, curves, r"order $\tau^2$", (MU_LABEL, rf"$\sigma^{{(2)}}_{{yxy;y}}$ ($10^{{-13}}$ {UNIT})"))
        mark_gap(axes, 1e3 * BETA)

    def intrinsic(axes: Axes) -> None:
        names = {"paper0": "(13) as printed", "paper0_sym": "(13) symmetrized in the fields", "static": "exact static part, S"}
        curves = [*lines(names, SCALE["intrinsic"]), *points(tuple(names), SCALE["intrinsic"])]
        draw_curves(axes, curves, r"order $\tau^0$", (MU_LABEL, rf"$\sigma^{{(0)}}_{{yxy;y}}$ ($10^{{-15}}$ {UNIT})"))
        mark_gap(axes, 1e3 * BETA)

    def relaxed(axes: Axes) -> None:
        names = {"paper0_sym": "(13) symmetrized"} | {name: f"full, {name}" for name in RELAXATIONS}
        curves = [*lines(names, SCALE["intrinsic"]), *points(RELAXATIONS, SCALE["intrinsic"])]
        label = rf"$\sigma^{{(0)}}_{{yxy;y}}$ ($10^{{-15}}$ {UNIT})"
        draw_curves(axes, curves, r"order $\tau^0$, full form", (MU_LABEL, label), ncols=3)
        mark_gap(axes, 1e3 * BETA)

    def ratio(axes: Axes) -> None:
        metal = found["sigma2_paper"] > 0
        names = {"paper0": "(13) as printed", "paper0_sym": "(13) symmetrized"}
        names |= {name: f"full, {name}" for name in ("adiabatic", "constant", "gao")}  # static and intraband change sign
        axes.set_yscale("log")
        curves = [Curve(label, x[metal], np.abs(found["sigma2_paper"] / found[key])[metal]) for key, label in names.items()]
        draw_curves(
            axes, curves, r"(9) over the order $\tau^0$, moduli", (MU_LABEL, r"$|\sigma^{(2)}/\sigma^{(0)}|$ at $\tau$ = 0.5 ps")
        )
        axes.axhline(100, color="0.6", lw=0.6, zorder=0)
        axes.set_xlim(-1, 61)
        mark_gap(axes, 1e3 * BETA)

    return figure_of([drude, intrinsic, relaxed, ratio])


def main(argv: list[str] | None = None) -> int:
    chosen = options(__doc__, "fig1a.pdf", argv)
    table = reference()
    if chosen.quick:
        keep = np.isin(table["mu_meV"], (9, 12, 20))
        table = {key: value[keep] for key, value in table.items()}
        mu = table["mu_eV"]
    else:
        mu = np.union1d(table["mu_eV"], 1e-3 * np.array([9.94, 10.1, 10.2, 11.5, *range(13, 30), *range(32, 60, 2)]))
    found = computed(mu)
    print(f"sigma_yxy;y, {UNIT.replace('$^{-2}$', '^-2')}\n{'mu/meV':>7}{'(9)':>13}{'(13) printed':>14}{'(13) symm.':>13}{'S':>13}")
    for i in np.searchsorted(mu, table["mu_eV"]):
        row = [found[key][i] for key in ("sigma2_paper", "paper0", "paper0_sym", "static")]
        print(f"{1e3 * mu[i]:7.1f}" + "".join(f"{value:13.4e}" for value in row))
    return finish(picture(mu, found, table), chosen.output, checks(mu, found, table))


if __name__ == "__main__":
    sys.exit(main())
