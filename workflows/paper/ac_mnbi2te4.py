"""T-odd beside T-even spin Hall effect in an AC field: the ferromagnetic monolayer of MnBi2Te4, as in v1 and v2 of the paper.

    python workflows/paper/ac_mnbi2te4.py [-o ac_mnbi2te4.pdf] [--quick]

The interband response to E cos(wt) is the complex amplitude L0 + AC1(w) + AC2(w), (6a) + (7), with w + i eta. L0 + AC1 is T-even
(spin curvature), AC2 is T-odd (spin metric); of the T-even part cos is reactive and sin absorptive, of the T-odd part the
reverse. The magnetic group P-3m'1 leaves each component one parity: xy;z and xx;x are T-even, xx;z and xy;x are T-odd.
(a), (c): the bands as they were computed, which are almost critical (inverted, 21 meV at Gamma); the others: Bi p raised until
the gap at Gamma is 0.3 eV and normal. Bands around a curve are its error bars. What is checked: (7) as printed, pair by
pair of bands; and that reversed moments turn one part round and not the other.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from common import ROOT, Check, Real, draw_curves, figure_of, finish, options
from common import Curve as Line
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

import wannier_spin as ws
from wannier_spin.observables import get
from wannier_spin.plotting.canvas import COLOURS
from wannier_spin.units import response_factor

Complex = NDArray[np.complex128]
NAME = "ac_spin_current"
EXAMPLE = ROOT / "example_inputs" / "MnBi2Te4"
MOMENTS = [[0.0, 0.0, 4.6], *6 * [[0.0, 0.0, 0.0]]]  # mu_B
FILLED = 29  # bands below the gap
BISMUTH = slice(34, 46)  # Wannier functions, Bi p
GAP = 0.3  # eV, of self-consistent calculations
TEMPERATURE, ETA, TAU = 100.0, 0.03, 10.0  # K, eV, fs
COLD = 20.0  # K, where the gap is empty to 1e-30: the printed formula is at 0 K
OMEGA_OF_MU = 0.1  # eV, of the scans over mu
EVEN, ODD = {"L0": 1.0, "AC1": 1.0}, {"AC2": 1.0}
WITH_INTRABAND = {"AC2": 1.0, "L1": 1.0, "L1dir": 1.0}
COS, SIN = 0, 1
MICRO = 1e6  # (hbar/e) S -> 1e-6 (hbar/e) S
BATCH = 48  # k-points at a time


@dataclass(frozen=True)
class Part:
    """One curve: a component of one T parity, reactive or absorptive."""

    label: str
    component: str
    recipe: Mapping[str, float]
    phase: int

    def of(self, tensor: ws.ResponseTensor) -> tuple[Real, Real]:
        """Values and bars over mu or omega, in 1e-6 (hbar/e) S."""
        values, error = tensor.at(combination=self.recipe).component(self.component)
        return MICRO * values[:, 0, :, self.phase].ravel(), MICRO * error[:, 0, :, self.phase].ravel()


def both(component: str, recipe: Mapping[str, float], parity: str) -> tuple[Part, Part]:
    """Reactive and absorptive."""
    reactive, absorptive = (COS, SIN) if parity == "even" else (SIN, COS)
    words = f"{component} T-{parity}"
    return Part(f"{words}, reactive", component, recipe, reactive), Part(f"{words}, absorptive", component, recipe, absorptive)


ALONG_Z = (*both("xy;z", EVEN, "even"), *both("xx;z", ODD, "odd"))
IN_PLANE = (*both("xx;x", EVEN, "even"), *both("xy;x", ODD, "odd"))
METALLIC = (*both("xx;z", ODD, "odd"), *both("xx;z", WITH_INTRABAND, "odd"))


def layer() -> tuple[ws.TightBindingModel, ws.Structure]:
    """The model of the example, as a layer, and its structure with moments."""
    model = dataclasses.replace(ws.load_model(EXAMPLE / "MnBi2Te4.model.h5"), periodic=(True, True, False))
    structure = ws.read_structure(EXAMPLE / "MnBi2Te4.win")
    return model, dataclasses.replace(structure, magnetic_moments=np.array(MOMENTS))


def raised(model: ws.TightBindingModel, shift: float) -> ws.TightBindingModel:
    """Bi p levels raised by `shift` eV: local, so that velocities and all symmetries follow."""
    hamiltonian = model.hamiltonian_R.copy()
    home = int(np.flatnonzero((model.R_vectors == 0).all(axis=1))[0])
    hamiltonian[home, range(BISMUTH.start, BISMUTH.stop), range(BISMUTH.start, BISMUTH.stop)] += shift
    return dataclasses.replace(model, hamiltonian_R=hamiltonian)


def reversed_moments(model: ws.TightBindingModel) -> ws.TightBindingModel:
    """The model in time reversed states: complex conjugate matrices, and the opposite spin."""
    changes = {"hamiltonian_R": model.hamiltonian_R.conj(), "spin_R": -model.spin_R.conj()}  # type: ignore[union-attr]
    return dataclasses.replace(model, position_R=model.position_R.conj(), **changes)  # type: ignore[union-attr]


def edges(model: ws.TightBindingModel) -> tuple[float, float]:
    """Valence and conduction band at Gamma (eV)."""
    energies = ws.band_geometry(model, [[0.0, 0.0, 0.0]]).energies[0]
    return float(energies[FILLED - 1]), float(energies[FILLED])


def shift_for(model: ws.TightBindingModel, gap: float) -> float:
    """How far Bi p has to be raised for a normal gap at Gamma: bisection behind the closing near 0.05 eV."""
    low, high = 0.06, 1.5
    while high - low > 1e-6:
        middle = (low + high) / 2
        valence, conduction = edges(raised(model, middle))
        low, high = (middle, high) if conduction - valence < gap else (low, middle)
    return high


def computed(
    model: ws.TightBindingModel, mu: Real, omega: Real, n: int, structure: ws.Structure | None, temperature: float = TEMPERATURE
) -> ws.ResponseTensor:
    """The complete AC response on an n x n mesh."""
    settings = {"temperature": temperature, "broadening": ETA, "tau": TAU, "units": "SI", "symmetry": structure}
    return ws.compute(model, NAME, grid=(n, n, 1), mu=mu, omega=omega, **settings)[NAME]


def as_printed(model: ws.TightBindingModel, mu: float, omega: Real, n: int) -> dict[str, Complex]:
    """(6a) + (7) literally, sum_{n != m} f_n (l1 Omega_nm + 2 l2 g_nm) at w + i eta and 0 K: (omega, a, b, c) of each T parity.

    n filled, m empty: two filled bands cancel in the sum.
    """
    k = np.stack(np.meshgrid(np.arange(n) / n, np.arange(n) / n, [0.0], indexing="ij"), axis=-1).reshape(-1, 3)
    total = {"even": np.zeros((len(omega), 3, 3, 3), complex), "odd": np.zeros((len(omega), 3, 3, 3), complex)}
    for batch in np.array_split(k, -(-len(k) // BATCH)):
        geometry = ws.band_geometry(model, batch)
        if not (geometry.energies[:, FILLED - 1].max() < mu < geometry.energies[:, FILLED].min()):
            raise ValueError(f"mu = {mu} eV is not in the gap")
        qgt = ws.spin_qgt(geometry)[..., :FILLED, FILLED:]  # (k, a, b, c, n, m)
        energies = geometry.group_energies
        gap = energies[:, :FILLED, None] - energies[:, None, FILLED:]
        for i, z in enumerate(omega + 1j * ETA):
            l1, l2 = -(z**2) / (z**2 - gap**2), 1j * gap * z / (z**2 - gap**2)
            total["even"][i] += np.einsum("knm,kabcnm->abc", 1 + l1, -2 * qgt.imag)
            total["odd"][i] += np.einsum("knm,kabcnm->abc", 2 * l2, qgt.real)
    area = np.linalg.norm(np.cross(model.lattice[0], model.lattice[1]))
    factor = response_factor(get("spin_current").measure, 1, 0, 2, "SI", 1.0) / (len(k) * area)
    return {key: factor * value for key, value in total.items()}


def amplitudes(tensor: ws.ResponseTensor) -> dict[str, Complex]:
    """T-even and T-odd complex amplitude of ours, (omega, a, b, c)."""
    both = {"even": tensor.at(combination=EVEN).values[0, 0], "odd": tensor.at(combination=ODD).values[0, 0]}
    return {key: value[:, COS] + 1j * value[:, SIN] for key, value in both.items()}


def checks(model: ws.TightBindingModel, mu: float, omega: Real, n: int) -> list[Check]:
    """Against the printed formula, and against reversed moments, on a coarse mesh without symmetry."""
    ours = amplitudes(computed(model, np.array([mu]), omega, n, None, COLD))
    back = amplitudes(computed(reversed_moments(model), np.array([mu]), omega, n, None, COLD))
    printed = as_printed(model, mu, omega, n)
    found = []
    for key, sign in (("even", 1), ("odd", -1)):
        scale = np.abs(ours[key]).max()
        if not scale > 0:
            raise ValueError(f"the T-{key} part vanishes: nothing to compare")
        found.append(Check(f"T-{key} part as printed, pair by pair", apart(ours[key], printed[key], scale), np.ones(1), 1e-9))
        found.append(
            Check(f"T-{key} part times {sign:+d}, moments reversed", apart(sign * ours[key], back[key], scale), np.ones(1), 1e-9)
        )
    return found


def apart(one: Complex, other: Complex, scale: float) -> Real:
    """1 + the largest difference over a scale: a number to be compared with 1."""
    return np.array([1 + np.abs(one - other).max() / scale])


@dataclass(frozen=True)
class Case:
    """The scans of one model: over omega with mu in the gap, over mu at one frequency."""

    title: str
    model: ws.TightBindingModel
    middle: float
    gap: float
    over_omega: ws.ResponseTensor
    over_mu: ws.ResponseTensor


def case(title: str, model: ws.TightBindingModel, structure: ws.Structure, omega: Real, mu: Real, n: int) -> Case:
    valence, conduction = edges(model)
    middle = (valence + conduction) / 2
    scans = (
        computed(model, np.array([middle]), omega, n, structure),
        computed(model, middle + mu, np.array([OMEGA_OF_MU]), n, structure),
    )
    return Case(title, model, middle, conduction - valence, *scans)


def report(found: Case) -> None:
    """Each part with its bar where it is largest."""
    print(f"\n{found.title}: mu in the gap, largest value(s) over omega, 1e-6 (hbar/e) S")
    for part in (*ALONG_Z, *IN_PLANE):
        values, bars = part.of(found.over_omega)
        i = int(np.abs(values).argmax())
        print(f"  {part.label:26}{values[i]:9.3f} +- {bars[i]:<8.2g}at {found.over_omega.omega[i]:.3f} eV")


def panel(found: Case, parts: tuple[Part, ...], over: str, title: str, names: tuple[str, ...] = ()) -> Callable[[Axes], None]:
    """A function that draws curves with their bars."""

    def draw(axes: Axes) -> None:
        tensor = found.over_omega if over == "omega" else found.over_mu
        x = tensor.omega if over == "omega" else tensor.mu - found.middle
        pairs = [part.of(tensor) for part in parts]
        labels = names or tuple(part.label for part in parts)
        lines = [Line(label, x, values) for label, (values, _) in zip(labels, pairs, strict=True)]
        below = r"$\hbar\omega$ (eV)" if over == "omega" else r"$\mu$ - middle of the gap (eV)"
        draw_curves(axes, lines, title, (below, r"$\sigma$ ($10^{-6}$ (ħ/e) S)"))
        for (values, bars), colour in zip(pairs, COLOURS, strict=False):
            axes.fill_between(x, values - bars, values + bars, color=colour, alpha=0.2, lw=0)
        if over == "mu":
            axes.axvspan(-found.gap / 2, found.gap / 2, color="0.92", lw=0, zorder=-1)

    return draw


def picture(bare: Case, normal: Case) -> Figure:
    at = f"at {OMEGA_OF_MU:g} eV"
    drude = ("interband, reactive", "interband, absorptive", "with intraband, reactive", "with intraband, absorptive")
    return figure_of(
        [
            panel(bare, ALONG_Z, "omega", f"as computed, gap {1e3 * bare.gap:.0f} meV, μ in it"),
            panel(normal, ALONG_Z, "omega", f"Bi p raised, gap {1e3 * normal.gap:.0f} meV, μ in it"),
            panel(bare, ALONG_Z, "mu", f"as computed, {at}"),
            panel(normal, ALONG_Z, "mu", f"Bi p raised, {at}"),
            panel(normal, IN_PLANE, "omega", "Bi p raised, μ in the gap, spin in the plane"),
            panel(normal, METALLIC, "mu", f"Bi p raised, {at}: xx;z, T-odd, τ = {TAU:g} fs", drude),
        ]
    )


def main(argv: list[str] | None = None) -> int:
    chosen = options(__doc__, "ac_mnbi2te4.pdf", argv)
    n, points = (6, 4) if chosen.quick else (192, 41)
    omega, mu = np.linspace(0, 1.0, points), np.linspace(-0.4, 0.4, points)
    model, structure = layer()
    shift = shift_for(model, GAP)
    bare = case("as computed", model, structure, omega, mu, n)
    normal = case(f"Bi p raised by {shift:.3f} eV", raised(model, shift), structure, omega, mu, n)
    for found in (bare, normal):
        report(found)
    return finish(picture(bare, normal), chosen.output, checks(normal.model, normal.middle, omega[1:4], 4 if chosen.quick else 8))


if __name__ == "__main__":
    sys.exit(main())
