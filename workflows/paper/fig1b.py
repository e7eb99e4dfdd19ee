"""Fig. 1(b): nonlinear Drude and intrinsic spin magnetization beta_zxx of a massive Dirac cone, at T = 0.

    python workflows/paper/fig1b.py [-o fig1b.pdf] [--quick]

    H = v (kx sx + ky sy) + D sz,    D = 40 meV, tau = 0.5 ps (v drops out)

(a) eq. (10) and (b) eq. (14): the printed closed forms, ours, and the right closed forms; (c) the full form with each relaxation;
(d) how much larger (10) is than (14). What differs from the print, and why: README.md of this folder.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
from common import RELAXATIONS, Check, Curve, Real, draw_curves, figure_of, finish, mark_gap, options
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import wannier_spin as ws
from wannier_spin.units import natural_tau

DRUDE, INTRINSIC = "nonlinear_drude_spin_magnetization", "nonlinear_intrinsic_spin_magnetization"
ZXX = (..., 2, 0, 0)
D, TAU, PI = 0.040, 500.0, np.pi  # eV, fs
MU_LABEL, UNIT = r"$\mu$ (meV)", "⟨σ/2⟩ m$^{-2}$ / (V/m)$^2$"  # 1/V^2 has the value 1 m^-2/(V/m)^2


def exact(mu: Real) -> dict[str, Real]:
    """The closed forms of docs/theory.md, section 7: in the gap mu = D, without the terms of the Fermi surface."""
    m = np.maximum(mu, D)
    S = D * (m**2 + 3 * D**2) / (192 * PI * m**5)
    P = D * (3 * D**2 + 5 * m**2) / (960 * PI * m**5)
    F = D * (m**2 - D**2) / (32 * PI * m**5)
    dressed = np.where(mu > D, D * (D**2 + m**2) / (64 * PI * m**5), 0)
    return {
        "drude": -D * (m**2 - D**2) / (16 * PI * m**3) * natural_tau(TAU) ** 2,
        "sea": D * (9 * D**2 - 5 * m**2) / (960 * PI * m**5),
        "intrinsic": D * (9 * D**2 - 5 * m**2) / (960 * PI * m**5) + F,
        "static": S,
        "adiabatic": S + 2 * F,
        "constant": S + F + P,
        "intraband": S - P,
        "gao": S + F + dressed,
    }


def metallic(mu: Real) -> dict[str, Real]:
    """The relaxed totals as they stand in that section, for mu > D."""
    return {
        "intrinsic": D * (25 * mu**2 - 21 * D**2) / (960 * PI * mu**5),
        "adiabatic": D * (13 * mu**2 - 9 * D**2) / (192 * PI * mu**5),
        "constant": D * (10 * mu**2 - 3 * D**2) / (240 * PI * mu**5),
        "intraband": D**3 / (80 * PI * mu**5),
        "gao": 5 * D / (96 * PI * mu**3),
    }


def printed(mu: Real) -> dict[str, Real]:
    """What the paper prints for (10) and (14); in the gap the latter depends on mu, and diverges at mu = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        metal = (3 * (1 + PI) * D**3 - 5 * PI * D * mu**2 + D * (mu**2 - D**2)) / (960 * PI**2 * mu**5)
        gap = 3 * (1 - 2 * PI) * D**3 / (960 * PI**2 * mu**5)
    return {"drude": -exact(mu)["drude"], "intrinsic": np.where(mu > D, metal, np.where(mu > 0, gap, np.nan))}


def computed(mu: Real) -> dict[str, Real]:
    """Our beta_zxx in SI: (10), its steady state, (14), and the full form with each relaxation."""
    model = ws.models.massive_dirac(gap=D)
    result = ws.compute(model, [DRUDE, INTRINSIC], grid=(12, 8), mu=mu, temperature=0, units="SI", tau=TAU)
    drude, intrinsic = (result[name].at(form="paper") for name in (DRUDE, INTRINSIC))
    found = {
        "drude": drude.values[ZXX],
        "steady": drude.at(combination={"N2": 1}).values[ZXX],
        "intrinsic": intrinsic.values[ZXX],
        "sea": intrinsic.at(combination={"Q1": 1, "P": 1}).values[ZXX],
    }
    found |= {name: result[INTRINSIC].at(relaxation=name).values[ZXX] for name in RELAXATIONS}
    return {key: value[:, 0] for key, value in found.items()}


def checks(mu: Real, found: Mapping[str, Real]) -> list[Check]:
    """Ours against the closed forms, and the four ratios of the reference at mu = 60 meV."""
    expected = exact(mu)
    names = {"drude": "(10)", "intrinsic": "(14)", "sea": "(14), Fermi sea"} | {name: f"full, {name}" for name in RELAXATIONS}
    against = [Check(f"{words}, closed form", found[key], expected[key]) for key, words in names.items()]
    metal = mu > D
    against += [
        Check(f"{names[key]}, total as printed in the reference", found[key][metal], value)
        for key, value in metallic(mu[metal]).items()
    ]
    at, wrong = int(np.searchsorted(mu, 0.060)), printed(np.array([0.060]))["intrinsic"][0]
    ratios = [abs(found["drude"][at] / value) for value in (found["intrinsic"][at], found["static"][at], found["gao"][at], wrong)]
    integers = (4420, 5935, 1385, 22589)
    return [*against, Check("|(10)/(14)|, /S, /gao, /print at 60 meV (given in integers)", np.round(ratios), np.array(integers), 0)]


def picture(mu: Real, found: Mapping[str, Real]) -> Figure:
    x, right, wrong = 1e3 * mu, exact(mu), printed(mu)
    few = np.linspace(0, len(mu) - 1, min(len(mu), 17)).astype(int)

    def closed(*keys: str) -> Curve:
        """The right closed forms; one marker for all."""
        return Curve(
            "closed form, corrected", np.tile(x[few], len(keys)), np.concatenate([right[key][few] for key in keys]), points=True
        )

    def drude(axes: Axes) -> None:
        scale = 1e-3
        curves = [
            Curve("ours, (10)", x, scale * found["drude"]),
            Curve("ours, steady state = 2×(10)", x, scale * found["steady"]),
            Curve("printed closed form", x, scale * wrong["drude"]),
            Curve("closed form, corrected", x[few], scale * right["drude"][few], points=True),
        ]
        draw_curves(axes, curves, r"order $\tau^2$", (MU_LABEL, rf"$\beta^{{(2)}}_{{zxx}}$ ($10^3$ {UNIT})"))
        mark_gap(axes, 1e3 * D)

    def intrinsic(axes: Axes) -> None:
        curves = [
            Curve("ours, (14)", x, found["intrinsic"]),
            Curve("ours, exact static part, S", x, found["static"]),
            Curve("printed closed form", x, wrong["intrinsic"]),
            closed("intrinsic", "static"),
        ]
        draw_curves(axes, curves, r"order $\tau^0$", (MU_LABEL, rf"$\beta^{{(0)}}_{{zxx}}$ ({UNIT})"))
        axes.set_ylim(-2.5, 5.5)
        mark_gap(axes, 1e3 * D)

    def relaxed(axes: Axes) -> None:
        curves = [Curve("(14)", x, found["intrinsic"]), *(Curve(f"full, {name}", x, found[name]) for name in RELAXATIONS)]
        curves.append(closed(*RELAXATIONS))
        draw_curves(axes, curves, r"order $\tau^0$, full form", (MU_LABEL, rf"$\beta^{{(0)}}_{{zxx}}$ ({UNIT})"), ncols=3)
        mark_gap(axes, 1e3 * D)

    def ratio(axes: Axes) -> None:
        metal = mu > D
        axes.set_yscale("log")
        over = {"(14), ours": found["intrinsic"], "(14), printed form": wrong["intrinsic"], "S": found["static"]}
        over |= {f"full, {name}": found[name] for name in ("adiabatic", "gao")}
        curves = [Curve(label, x[metal], np.abs(found["drude"] / value)[metal]) for label, value in over.items()]
        label = r"$|\beta^{(2)}/\beta^{(0)}|$ at $\tau$ = 0.5 ps"
        draw_curves(axes, curves, r"(10) over the order $\tau^0$, moduli", (MU_LABEL, label))
        axes.set_xlim(*(-0.01 * x[-1], 1.01 * x[-1]))
        mark_gap(axes, 1e3 * D)

    return figure_of([drude, intrinsic, relaxed, ratio])


def main(argv: list[str] | None = None) -> int:
    chosen = options(__doc__, "fig1b.pdf", argv)
    mu = (
        np.array([0.020, 0.050, 0.060, 0.080])
        if chosen.quick
        else 1e-3 * np.array([0, 10, 20, 30, 39.9, 40.1, 41, *range(42, 151, 2)])
    )
    found = computed(mu)
    wrong = printed(mu)["intrinsic"]
    print(f"beta_zxx, <sigma/2> m^-2/(V/m)^2\n{'mu/meV':>7}{'(10)':>13}{'(14)':>13}{'(14) printed':>14}{'S':>13}{'gao':>13}")
    for i in np.unique(np.linspace(0, len(mu) - 1, 12).astype(int)):
        row = [found["drude"][i], found["intrinsic"][i], wrong[i], found["static"][i], found["gao"][i]]
        print(f"{1e3 * mu[i]:7.1f}" + "".join(f"{value:13.4e}" for value in row))
    return finish(picture(mu, found), chosen.output, checks(mu, found))


if __name__ == "__main__":
    sys.exit(main())
