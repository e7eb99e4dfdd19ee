"""Table I: parity of the spin and Zeeman quantum geometry under P, T and P*T, measured on random models that have one of them.

    python workflows/paper/table1.py [-o table1.pdf] [--quick]

A quantity X that is even (odd) under P or T has X(-k) = +X(k) (-X(k)), and what is odd under P*T vanishes at every k. X(k) is the
metric or the curvature of a pair of bands (traces over degenerate groups), or its product with the velocity (dipoles). The
number in a cell is the correlation of X(-k), or of the image under P*T, with X(k): +1 or -1. Compared with what is printed,
and with what the package derives from the laws of its responses.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from common import PANEL, Check, Real, finish, options
from matplotlib.figure import Figure

import wannier_spin as ws
from wannier_spin.calculation.symmetrize import computed_table
from wannier_spin.geometry import BandGeometry
from wannier_spin.plotting.canvas import COLOURS, new_figure, own_style
from wannier_spin.quantum_geometry import curvature, dipole, metric
from wannier_spin.symmetry import format_table

PRINTED = {  # columns: metric, curvature, metric dipole, curvature dipole
    "spin": {"P": "++--", "T": "-++-", "PT": "-+-+"},
    "Zeeman": {"P": "--++", "T": "-++-", "PT": "+-+-"},
}
COLUMNS = ("metric", "curvature", "metric dipole", "curvature dipole")
GOVERNS = {
    "spin": ("(4), (7) sin", "(6a), (7) cos", "(9), (13)", "(11)"),
    "Zeeman": ("(6b), (8) cos", "(5), (8) sin", "(12)", "(10), (14)"),
}
SEPARATE = 1e-6  # eV: bands of the random models are this far apart, or a pair by P*T
Table = Mapping[str, Mapping[str, Real]]


def random_with(symmetry: str, seed: int) -> ws.TightBindingModel:
    """Four orbitals, everything random but for one symmetry: P exchanges orbitals in pairs, T and P*T square to -1."""
    model = ws.models.random_model(n=4, seed=seed)
    pair = [[0, 1], [1, 0]] if symmetry == "P" else [[0, 1], [-1, 0]]
    U = np.kron(np.eye(2), pair).astype(complex)
    opposite = [model.R_vectors.tolist().index((-R).tolist()) for R in model.R_vectors]

    def mean(X: np.ndarray, parity: int) -> np.ndarray:
        """Half of X and of its image, with the parity of the operator."""
        image = X[opposite] if "P" in symmetry else X
        image = image.conj() if "T" in symmetry else image
        return (X + parity * np.einsum("ij,Rjl...,ml->Rim...", U, image, U.conj())) / 2

    return replace(
        model,
        hamiltonian_R=mean(model.hamiltonian_R, +1),
        position_R=mean(model.position_R, -1 if "P" in symmetry else +1),
        spin_R=mean(model.spin_R, -1 if "T" in symmetry else +1),
        centres=None,
    )


def block_traces(geometry: BandGeometry, X: Real) -> Real:
    """X (k,...,n,m) with the sums over both blocks in every entry, so that it does not depend on the basis inside."""
    same = geometry.same_group.astype(float)
    return np.einsum("knp,k...pq,kqm->k...nm", same, X, same, optimize=True)


def quantities(model: ws.TightBindingModel, k: Real) -> dict[str, list[Real]]:
    """spin and Zeeman -> the four columns, at each k."""
    geometry = ws.band_geometry(model, k, degeneracy_tolerance=SEPARATE)
    found = {}
    for family, qgt in (("spin", ws.spin_qgt(geometry)), ("Zeeman", ws.zeeman_qgt(geometry) * ~geometry.same_group[:, None, None])):
        base = [block_traces(geometry, part(qgt)) for part in (metric, curvature)]
        found[family] = [*base, *(dipole(geometry, X) for X in base)]
    return found


def measured(n_k: int, seed: int) -> dict[str, dict[str, Real]]:
    """Correlations, family -> symmetry -> (column,); under P*T the size of X against that in a model without symmetry."""
    k = np.random.default_rng(seed).random((n_k, 3))
    generic = quantities(ws.models.random_model(n=4, seed=seed), k)
    found: dict[str, dict[str, Real]] = {"spin": {}, "Zeeman": {}}
    for symmetry in ("P", "T"):
        model = random_with(symmetry, seed)
        here, there = quantities(model, k), quantities(model, -k)
        for family in found:
            pairs = zip(here[family], there[family], strict=True)
            found[family][symmetry] = np.array([(X * Y).sum() / np.sqrt((X**2).sum() * (Y**2).sum()) for X, Y in pairs])
    both = quantities(random_with("PT", seed), k)
    for family in found:
        sizes = [np.sqrt((X**2).mean() / (Y**2).mean()) for X, Y in zip(both[family], generic[family], strict=True)]
        found[family]["PT"] = np.array(sizes)
    return found


def signs(found: Table) -> dict[str, dict[str, str]]:
    """Correlations as signs. Under P*T: what is there is even, what is not is odd."""
    limit = {"P": 0.0, "T": 0.0, "PT": 1e-3}
    return {
        family: {name: "".join("-+"[int(x > limit[name])] for x in row) for name, row in rows.items()}
        for family, rows in found.items()
    }


def violation(found: Table) -> Real:
    """How far from an exact parity: |1 - |correlation||, or what is left of a quantity that is odd under P*T."""
    parts = []
    for family, rows in found.items():
        for name, row in rows.items():
            odd = np.array([sign == "-" for sign in PRINTED[family][name]])
            parts.append(np.where(odd, row, 0) if name == "PT" else 1 - np.abs(row))
    return np.abs(np.concatenate(parts))


def checks(found: Table) -> list[Check]:
    """Signs are compared as numbers, +1 and -1."""

    def numbers(table: Mapping[str, Mapping[str, str]]) -> Real:
        return np.array([1.0 if s == "+" else -1.0 for f in PRINTED for name in ("P", "T", "PT") for s in table[f][name]])

    derived = computed_table()
    package = {f: {n: "".join("-+"[derived[f"{f} {c}"][n] > 0] for c in COLUMNS) for n in ("P", "T", "PT")} for f in PRINTED}
    return [
        Check("24 signs measured, against the printed ones", numbers(signs(found)), numbers(PRINTED), 0),
        Check("24 signs derived from the laws, against the printed ones", numbers(package), numbers(PRINTED), 0),
        Check("violation of the parities (added to 1)", 1 + violation(found), np.ones(24), 1e-10),
    ]


def picture(found: Table) -> Figure:
    """Cells with their sign, coloured; the measured number below it."""
    with own_style():
        figure = new_figure((2 * PANEL[0], PANEL[1]))
        for i, (family, rows) in enumerate(found.items()):
            axes = figure.add_subplot(1, 2, i + 1)
            for y, (name, row) in enumerate(rows.items()):
                for x, value in enumerate(row):
                    sign = signs(found)[family][name][x]
                    axes.add_patch(figure_cell(x, y, COLOURS[0] if sign == "+" else COLOURS[1]))
                    axes.text(x, y - 0.08, sign.replace("-", "−"), ha="center", va="center", size=14, weight="bold")
                    words = (
                        f"{value:+.3f}".replace("-", "−")
                        if name != "PT"
                        else f"size {value:.0e}"
                        if sign == "-"
                        else f"size {value:.2f}"
                    )
                    axes.text(x, y + 0.3, words, ha="center", va="center", size=6.5)
            heads = [f"{column.replace(' ', chr(10))}\n{eqs}" for column, eqs in zip(COLUMNS, GOVERNS[family], strict=True)]
            axes.set(xlim=(-0.5, 3.5), ylim=(2.5, -0.5), title=f"{family} quantum geometry")
            axes.set_xticks(range(4), heads)
            axes.set_yticks(range(3), ["P", "T", "PT"])
            axes.tick_params(length=0)
        return figure


def figure_cell(x: int, y: int, colour: str) -> object:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, color=colour, alpha=0.25, lw=0)


def main(argv: list[str] | None = None) -> int:
    chosen = options(__doc__, "table1.pdf", argv)
    found = measured(4 if chosen.quick else 200, seed=3)
    print("derived from the laws of the responses:\n" + format_table(computed_table()))
    print("\nmeasured: correlation of X(-k) with X(k) for P and T; for PT the size against a model without it")
    for family, rows in found.items():
        for name, row in rows.items():
            print(f"{family + ', ' + name:12}" + "".join(f"{value:18.3e}" for value in row))
    return finish(picture(found), chosen.output, checks(found))


if __name__ == "__main__":
    sys.exit(main())
