"""From the Wannier gauge to bands: energies, velocity, operators, degenerate groups of bands, and whatever observables are made of.

    v^a       = d_a H - i [A_a, H]                 covariant derivative of H (position matrix included)
    D_b O     = d_b O - i [A_b, O]                 covariant derivative of an operator
    r^a_nm    = -i v^a_nm/(eps_n - eps_m)          position between bands of different groups

Bands closer than the degeneracy tolerance (consecutive gaps) form one group. Every quantity that enters a response is a
trace over groups: energies and mean velocities are those of the group, 1/(eps_n - eps_m) vanishes inside it.
docs/theory.md, sections 1 and 4. What is not asked for is not computed; what is, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wannier_spin import observables
from wannier_spin.arrays import (
    Complex,
    Real,
    bracket,
    diagonal,
    eigh,
    group_means,
    inside_times,
    rotate,
    rotated_diagonal,
    row_trace,
    rows,
)
from wannier_spin.arrays import adjoint as adjoint
from wannier_spin.bloch import BlochMatrices, matrices_at
from wannier_spin.continuum import Model
from wannier_spin.errors import InputError
from wannier_spin.model import DEGENERACY_TOLERANCE as DEGENERACY_TOLERANCE
from wannier_spin.model import SpinCurrent
from wannier_spin.observables import Observable
from wannier_spin.planes import Triangles


@dataclass(frozen=True, repr=False, eq=False)
class BandGeometry:
    """Matrices between bands at a batch of k-points (Hamiltonian gauge), n and m bands in the order of energy.

    energies (k,n) eV; states (k,w,n): columns are eigenvectors in the Wannier basis; group (k,n): number of the group of degenerate
    bands; bloch: the matrices in the Wannier gauge. definition : of the spin current; sites : Wannier functions of each, for
    `spin_current` and `site_spin`. gap_broadening : eV, of static second-order densities, see `BandPairs.broadened`; nothing here
    has it: positions, derivatives and observables are those of the bands.
    """

    energies: Real
    states: Complex
    group: NDArray[np.int64]
    bloch: BlochMatrices
    definition: SpinCurrent = "simple"
    sites: tuple[tuple[int, ...], ...] = ()
    gap_broadening: float = 0.0
    _kept: dict[object, Complex] = field(default_factory=dict, init=False)

    def __repr__(self) -> str:
        k, n = self.energies.shape
        low, high = self.energies.min(), self.energies.max()
        there = ", ".join(self.bloch.operators) or "none"
        return f"BandGeometry of {n} bands at {k} k-points, {low:.4g} to {high:.4g} eV; operators: {there}"

    @cached_property
    def velocity(self) -> Complex:
        """v^a, eV angstrom: (k,a,n,m)."""
        bloch = self.bloch
        if bloch.connection is None or bloch.hessian is not None or not bloch.slopes:
            return rotate(self._wannier_velocity, self.states)
        gap = self.energies[:, :, None] - self.energies[:, None]  # A is wanted between bands, and D v is not: -i [A, H] is i gap A
        assert self.connection is not None
        return np.asarray(rotate(bloch.gradient, self.states) + 1j * gap[:, None] * self.connection)

    @cached_property
    def velocity_derivative(self) -> Complex:
        """D_b v^a, eV angstrom^2: (k,b,a,n,m)."""
        A = self.bloch.connection
        moved = () if A is None else ((A[:, :, None], self._wannier_velocity[:, None]),)  # A_b, v^a
        return rotate(self._velocity_slope(*moved), self.states)

    @property
    def velocity_slope(self) -> Complex:
        """d_b v^a in the Wannier gauge, eV angstrom^2: (k,b,a,w,w)."""
        return self._velocity_slope()

    def _velocity_slope(self, *more: tuple[Complex, Complex]) -> Complex:
        """d_b v^a = d_b d_a H - i [d_b A_a, H] - i [A_a, d_b H], and -i [X, Y] of more pairs."""
        bloch, A, hessian = self.bloch, self.bloch.connection, _second_order(self.bloch.hessian)
        if A is None:
            return hessian
        of_connection = (_second_order(bloch.connection_gradient), bloch.hamiltonian[:, None, None])
        slope = bracket(A[:, None], bloch.gradient[:, :, None], of_connection, *more)
        slope += hessian
        return slope

    @cached_property
    def connection(self) -> Complex | None:
        """A_a of the Wannier functions between bands, angstrom: (k,a,n,m); None where it vanishes."""
        return None if self.bloch.connection is None else rotate(self.bloch.connection, self.states)

    def operator(self, name: str) -> Complex:
        """An operator of the model between bands: (k,a...,n,m). Raises InputError where the model has none of that name."""
        return self.keep(("operator", name), lambda: rotate(self._wannier_operator(name), self.states))

    def operator_derivative(self, name: str) -> Complex:
        """D_b of an operator of the model between bands: (k,b,a...,n,m)."""
        return self.keep(("operator derivative", name), lambda: rotate(self._wannier_derivative(name), self.states))

    def operator_slope(self, name: str) -> Complex:
        """d_b of an operator of the model in the Wannier gauge: (k,b,a...,w,w)."""
        return _second_order(self.bloch.slopes.get(name))

    def operator_derivative_diagonal(self, name: str) -> Real:
        """Its elements (D_b O)_nn, which take less than it does where it is not there: (k,b,a...,n)."""
        if ("operator derivative", name) in self._kept or self.connection is None:
            return diagonal(self.operator_derivative(name))
        X, A = self.operator(name), rows(self.connection)
        moved = np.moveaxis(row_trace(-2j * A, rows(X)), 1, -1)  # -i [A_b, X]_nn = 2 Im (A_b X)_nn: (k,b,a...,n)
        slopes = self.bloch.slopes
        if isinstance(slopes, Triangles):
            return slopes.rotated_diagonal(name, self.states) + moved
        return rotated_diagonal(_second_order(slopes.get(name)), self.states) + moved

    def observable(self, which: str | Observable) -> Complex:
        """O_nm of docs/theory.md, section 1: (k,o,n,m). A name, or a record of `observables`."""
        record = self.record(which)
        return self.keep(record, lambda: record.matrix(self))

    def observable_derivative(self, which: str | Observable) -> Complex:
        """(D_b O)_nm, the covariant derivative of an observable: (k,b,o,n,m). Needs derivatives."""
        record = self.record(which)
        return self.keep(("derivative", record), lambda: record.derivative(self))

    def has_derivative(self, which: str | Observable) -> bool:
        """Whether `observable_derivative` of it has been made."""
        return ("derivative", self.record(which)) in self._kept

    def record(self, which: str | Observable) -> Observable:
        """The record of an observable, of the spin current in the chosen definition."""
        if isinstance(which, Observable):
            return which
        known = observables.definitions(which)
        return known.get(self.definition) or observables.get(which)

    @property
    def spin(self) -> Complex | None:
        """Pauli matrices between bands (k,c,n,m), or None where the model has no spin."""
        return self.operator("spin") if "spin" in self.bloch.operators else None

    @property
    def spin_matrices(self) -> Complex:
        """Pauli matrices between bands (k,c,n,m); raises InputError where the model has none."""
        return self.operator("spin")

    @property
    def spin_derivative(self) -> Complex:
        """D_b sigma^c: (k,b,c,n,m)."""
        return self.operator_derivative("spin")

    @property
    def spin_current(self) -> Complex:
        """v^{a;c} of the chosen definition, shape (k,a,c,n,m), eV angstrom."""
        current = self.observable("spin_current")
        return current.reshape(len(current), 3, 3, *current.shape[2:])

    @property
    def site_spin(self) -> Complex:
        """{p_s, sigma^c}/2, p_s the projector on each of `sites`: (k,(s,c),n,m)."""
        return 2 * self.observable(self._site_spin)

    @property
    def site_spin_derivative(self) -> Complex:
        """D_b of `site_spin`: (k,b,(s,c),n,m)."""
        return 2 * self.observable_derivative(self._site_spin)

    @cached_property
    def position(self) -> Complex:
        """r^a_nm = -i v^a_nm/eps_nm between groups, angstrom: (k,a,n,m)."""
        return -1j * self.velocity * self.inverse_gap[:, None]

    @cached_property
    def position_derivative(self) -> Complex:
        """D_b r^a, angstrom^2: (k,b,a,n,m). See `_covariant`.

        Between groups r is the solution of [H, r] = -i v; so is its derivative of [H, r_;b] = -i v_;b - [v^b inside groups, r].
        """
        inside = self.velocity * self.same_group[:, None]
        source = self._inner(self.velocity_derivative, self.velocity) + bracket(inside[:, :, None], self.position[:, None])
        return self._covariant(-1j * source * self.inverse_gap[:, None, None], self.position)

    @cached_property
    def interband_velocity(self) -> Complex:
        """v^a between groups, eV angstrom: (k,a,n,m)."""
        return self.velocity * ~self.same_group[:, None]

    @cached_property
    def interband_velocity_derivative(self) -> Complex:
        """D_b of v^a between groups, eV angstrom^2: (k,b,a,n,m). See `_covariant`."""
        inner = self._inner(self.velocity_derivative, self.velocity)
        return self._covariant(inner * ~self.same_group[:, None, None], self.interband_velocity)

    @cached_property
    def same_group(self) -> NDArray[np.bool_]:
        """(k,n,m): whether bands n and m belong to one group."""
        return self.group[:, :, None] == self.group[:, None, :]

    @cached_property
    def has_degeneracies(self) -> bool:
        return bool((self.group[:, 1:] == self.group[:, :-1]).any())

    @cached_property
    def group_energies(self) -> Real:
        """eps_N, the mean of each group, for every band (k,n)."""
        return self.group_mean(self.energies)

    @cached_property
    def group_velocity(self) -> Real:
        """v^a_N = Tr v^a_NN / dim N for every band (k,a,n)."""
        return self.group_mean(diagonal(self.velocity))

    @property
    def group_spin(self) -> Real:
        """Tr sigma^c_NN / dim N for every band (k,c,n)."""
        return self.group_mean(diagonal(self.spin_matrices))

    @cached_property
    def inverse_gap(self) -> Real:
        """1/(eps_N - eps_M) (k,n,m), 1/eV; zero inside a group."""
        gap = self.group_energies[:, :, None] - self.group_energies[:, None, :]
        return np.divide(1.0, gap, out=np.zeros_like(gap), where=~self.same_group)

    def group_velocity_times(self, X: Complex) -> Complex:
        """v^d_NN X, the velocity inside each group times a matrix: (k,x,n,m) -> (k,d,x,n,m)."""
        return inside_times(self.velocity, X, self.group)

    def group_mean(self, X: Real) -> Real:
        """The mean over each group, for every band: (k,...,n)."""
        return group_means(X, self.group) if self.has_degeneracies else X

    def _inner(self, DX: Complex, X: Complex) -> Complex:
        """X_;b = D_b X + i [r_b, X], the derivative of X (k,a,n,m) that knows of the groups: d_b P_N drops out. (k,b,a,n,m)."""
        return DX - bracket(self.position[:, :, None], X[:, None])

    def _covariant(self, inner: Complex, X: Complex) -> Complex:
        """D_b X from X_;b, for an X that was made of groups: elements of X between groups have X_;b between groups."""
        return inner + bracket(self.position[:, :, None], X[:, None])

    @cached_property
    def _wannier_velocity(self) -> Complex:
        A, bloch = self.bloch.connection, self.bloch
        if A is None:
            return bloch.gradient
        velocity = bracket(A, bloch.hamiltonian[:, None])
        velocity += bloch.gradient
        return velocity

    def _wannier_operator(self, name: str) -> Complex:
        if name not in self.bloch.operators:
            raise InputError(_missing(name))
        return self.bloch.operators[name]

    def _wannier_derivative(self, name: str) -> Complex:
        X, A = self._wannier_operator(name), self.bloch.connection
        slope = _second_order(self.bloch.slopes.get(name))
        if A is None:
            return slope
        rest = (1,) * (X.ndim - 3)
        derivative = bracket(A.reshape(*A.shape[:2], *rest, *A.shape[2:]), X[:, None])
        derivative += slope
        return derivative

    @cached_property
    def _site_spin(self) -> Observable:
        return observables.projected(observables.get("spin"), self.sites)

    def keep(self, key: object, made: Callable[[], Complex]) -> Complex:
        """What was made under this key (k,...), or what is made now."""
        if key not in self._kept:
            self._kept[key] = made()
        return self._kept[key]


def degenerate_groups(energies: Real, degeneracy_tolerance: float) -> NDArray[np.int64]:
    """Number the groups of bands whose consecutive gaps are below degeneracy_tolerance (eV): (k,n)."""
    group = np.zeros(energies.shape, np.int64)
    np.cumsum(np.diff(energies, axis=1) >= degeneracy_tolerance, axis=1, out=group[:, 1:])
    return group


def geometry_of(
    bloch: BlochMatrices,
    degeneracy_tolerance: float,
    *,
    definition: SpinCurrent = "simple",
    sites: Sequence[Sequence[int]] = (),
    gap_broadening: float = 0.0,
) -> BandGeometry:
    """Diagonalize.

    degeneracy_tolerance : eV. definition, sites, gap_broadening : see `BandGeometry`. Raises InputError if the matrices are not
    finite.
    """
    if not np.isfinite(bloch.hamiltonian).all():
        raise InputError("the Hamiltonian has NaN or infinity at some k-point; check the input files")
    energies, states = eigh(bloch.hamiltonian)
    group = degenerate_groups(energies, degeneracy_tolerance)
    return BandGeometry(energies, states, group, bloch, definition, tuple(map(tuple, sites)), gap_broadening)


def band_geometry(
    model: Model,
    k: NDArray[np.float64],
    *,
    degeneracy_tolerance: float = DEGENERACY_TOLERANCE,
    derivatives: bool = False,
    sites: Sequence[Sequence[int]] = (),
    spin_current: SpinCurrent = "simple",
) -> BandGeometry:
    """Bands, velocity, spin, spin current and all other observables at k.

    Parameters
    ----------
    k : (nk, 3), reduced coordinates for a TightBindingModel, 1/angstrom (Cartesian) for a k·p model.
    degeneracy_tolerance : eV.
    derivatives : with D_b v^a, D_b sigma^c and those of all observables. sites : Wannier functions of each, for the spin projected
        on them. spin_current : its definition; InputError where the model lacks the matrices for it.
    """
    k = np.atleast_2d(np.asarray(k, float))
    if k.ndim != 2 or k.shape[1] != 3:
        raise InputError(f"k has shape {k.shape}, expected (nk, 3)")
    model.check_spin_current(spin_current)
    bloch = matrices_at(model, k, derivatives, tuple(model.operators))
    return geometry_of(bloch, degeneracy_tolerance, definition=spin_current, sites=sites)


def _second_order(X: Complex | None) -> Complex:
    if X is None:
        raise InputError("this needs derivatives with respect to k: ask for them, band_geometry(..., derivatives=True)")
    return X


def _missing(name: str) -> str:
    if name == "spin":
        return (
            "this needs spin matrices, and the model has none; read the model with its .spn file "
            "(write_spn = .true. in the pw2wannier90 input) or with spin='interleaved' or 'blocks'"
        )
    return f"this needs the operator '{name}', and the model has none of that name; give its matrices as extra_operators"
