"""From the Wannier gauge to bands: energies, velocity, spin, spin current, and blocks of degenerate bands.

    v^a       = d_a H - i [A_a, H]                 covariant derivative of H (position matrix included)
    v^{a;c}   = {v^a, sigma^c} / 4                 spin current, flow a, spin c (`simple`: product in the Wannier space; for
                                                   the other definitions see `spin_current`)
    D_b O     = d_b O - i [A_b, O]                 covariant derivative of an observable
    {p, sigma^c} / 2                               spin of a site, p the projector on its Wannier functions

p does not depend on k in the Wannier gauge, and is no constant for all that: D_b p = -i [A_b, p].

Bands closer than the degeneracy tolerance (consecutive gaps) form one block. Every quantity that enters a response is a
trace over blocks: energies and mean velocities are those of the block, 1/(eps_n - eps_m) vanishes inside it.
docs/theory.md, sections 1 and 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wannier_spin import spin_current as operators
from wannier_spin.bloch import BlochMatrices, BlochSum, kp_matrices
from wannier_spin.errors import InputError
from wannier_spin.model import KPModel, SpinCurrent, TightBindingModel

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]
ObservableName = Literal["spin_current", "other_spin_currents", "spin", "site_spin", "charge_current"]

DEGENERACY_TOLERANCE = 5e-4  # eV; docs/theory.md, section 4: real materials' pairs split by 1e-5 to 2e-4 eV


@dataclass(frozen=True)
class BandGeometry:
    """Matrices between bands at a batch of k-points (Hamiltonian gauge), n and m bands in the order of energy.

    energies (k,n) eV; velocity (k,a,n,m) eV angstrom; spin (k,c,n,m) Pauli or None; group (k,n): number of the block
    of degenerate bands; velocity_derivative (k,b,a,n,m) D_b v^a and spin_derivative (k,b,c,n,m) D_b sigma^c, on request;
    states (k,w,n): columns are eigenvectors in the Wannier basis. site_spin (k,o,n,m) {p_s, sigma^c}/2, o = (s,c), and its
    derivative (k,b,o,n,m): where sites are given. definitions : of the spin current, the chosen one first; spin_currents
    (k,a,c,n,m) and spin_current_derivatives (k,b,a,c,n,m), eV angstrom (^2): of those that are not `simple`.
    """

    energies: Real
    velocity: Complex
    spin: Complex | None
    group: NDArray[np.int64]
    states: Complex
    velocity_derivative: Complex | None = None
    spin_derivative: Complex | None = None
    site_spin: Complex | None = None
    site_spin_derivative: Complex | None = None
    definitions: tuple[SpinCurrent, ...] = ("simple",)
    spin_currents: Mapping[SpinCurrent, Complex] = field(default_factory=dict)
    spin_current_derivatives: Mapping[SpinCurrent, Complex] = field(default_factory=dict)

    @property
    def spin_current(self) -> Complex:
        """v^{a;c} of the chosen definition, shape (k,a,c,n,m), eV angstrom."""
        return self._spin_current(self.definitions[0])

    @cached_property
    def simple_spin_current(self) -> Complex:
        """v^{a;c} = {v^a, sigma^c}/4, shape (k,a,c,n,m), eV angstrom."""
        product = self.velocity[:, :, None] @ self.spin_matrices[:, None, :]
        return (product + adjoint(product)) / 4

    @property
    def spin_matrices(self) -> Complex:
        """The spin; raises InputError where the model has none."""
        if self.spin is None:
            raise InputError(
                "this needs spin matrices, and the model has none; read the model with its .spn file "
                "(write_spn = .true. in the pw2wannier90 input) or with spin='interleaved' or 'blocks'"
            )
        return self.spin

    @cached_property
    def same_group(self) -> NDArray[np.bool_]:
        """(k,n,m): whether bands n and m belong to one block."""
        return self.group[:, :, None] == self.group[:, None, :]

    @cached_property
    def has_degeneracies(self) -> bool:
        return bool((self.group[:, 1:] == self.group[:, :-1]).any())

    @cached_property
    def block_energies(self) -> Real:
        """eps_N, the mean of each block, for every band (k,n)."""
        return self.block_mean(self.energies)

    @cached_property
    def block_velocity(self) -> Real:
        """v^a_N = Tr v^a_NN / dim N for every band (k,a,n)."""
        diagonal = np.einsum("kann->kan", self.velocity).real
        return self.block_mean(diagonal)

    @property
    def block_spin(self) -> Real:
        """Tr sigma^c_NN / dim N for every band (k,c,n)."""
        return self.block_mean(np.einsum("kcnn->kcn", self.spin_matrices).real)

    @cached_property
    def inverse_gap(self) -> Real:
        """1/(eps_N - eps_M) (k,n,m), 1/eV; zero inside a block."""
        gap = self.block_energies[:, :, None] - self.block_energies[:, None, :]
        return np.divide(1.0, gap, out=np.zeros_like(gap), where=~self.same_group)

    def block_velocity_times(self, X: Complex) -> Complex:
        """v^d_NN X, the velocity inside each block times a matrix: (k,x,n,m) -> (k,d,x,n,m)."""
        if not self.has_degeneracies:
            return np.asarray(self.block_velocity[:, :, None, :, None] * X[:, None])
        inside = self.velocity * self.same_group[:, None]
        return np.asarray(inside[:, :, None] @ X[:, None])

    def observable(self, name: ObservableName) -> Complex:
        """O_nm of docs/theory.md, section 1: (k,o,n,m), o = (a,c) for the spin current, (s,a) for the spin of sites, else a.

        "other_spin_currents" are those of `definitions` behind the first one, o = (definition,a,c).
        """
        if name in ("spin_current", "other_spin_currents"):
            k, n = self.energies.shape
            return np.concatenate([self._spin_current(d).reshape(k, 9, n, n) for d in self._definitions(name)], axis=1)
        if name == "site_spin":
            assert self.site_spin is not None
            return self.site_spin / 2
        return self.spin_matrices / 2 if name == "spin" else self.velocity

    def observable_derivative(self, name: ObservableName) -> Complex:
        """(D_b O)_nm, the covariant derivative of an observable: (k,b,o,n,m). Needs the derivatives of v and sigma."""
        Dv, Ds = self.velocity_derivative, self.spin_derivative
        assert Dv is not None
        if name == "charge_current":
            return Dv
        assert Ds is not None
        if name == "spin":
            return Ds / 2
        if name == "site_spin":
            assert self.site_spin_derivative is not None
            return self.site_spin_derivative / 2
        k, n = self.energies.shape
        parts = [self._spin_current_derivative(d, Dv, Ds).reshape(k, 3, 9, n, n) for d in self._definitions(name)]
        return np.concatenate(parts, axis=2)

    def _definitions(self, name: ObservableName) -> tuple[SpinCurrent, ...]:
        return self.definitions[:1] if name == "spin_current" else self.definitions[1:]

    def _spin_current(self, definition: SpinCurrent) -> Complex:
        return self.simple_spin_current if definition == "simple" else self.spin_currents[definition]

    def _spin_current_derivative(self, definition: SpinCurrent, Dv: Complex, Ds: Complex) -> Complex:
        """D_b v^{a;c} (k,b,a,c,n,m)."""
        if definition != "simple":
            return self.spin_current_derivatives[definition]
        product = Dv[:, :, :, None] @ self.spin_matrices[:, None, None] + self.velocity[:, None, :, None] @ Ds[:, :, None]
        return (product + adjoint(product)) / 4

    def block_mean(self, X: Real) -> Real:
        """The mean over each block, for every band: (k,...,n)."""
        if not self.has_degeneracies:
            return X
        weight = self.same_group / self.same_group.sum(axis=-1, keepdims=True)
        return np.einsum("knm,k...m->k...n", weight, X)


def degenerate_groups(energies: Real, tolerance: float) -> NDArray[np.int64]:
    """Number the blocks of bands whose consecutive gaps are below the tolerance: (k,n)."""
    group = np.zeros(energies.shape, np.int64)
    np.cumsum(np.diff(energies, axis=1) >= tolerance, axis=1, out=group[:, 1:])
    return group


def adjoint(X: Complex) -> Complex:
    """Hermitian conjugate of the last two axes."""
    return X.swapaxes(-1, -2).conj()


def geometry_of(
    bloch: BlochMatrices,
    tolerance: float,
    derivatives: bool = False,
    sites: Sequence[Sequence[int]] = (),
    spin_currents: Sequence[SpinCurrent] = ("simple",),
) -> BandGeometry:
    """Diagonalize and rotate.

    derivatives : with the covariant derivatives of velocity and spin. sites : the Wannier functions of each.
    spin_currents : definitions of the spin current, the chosen one first.

    Raises InputError if the matrices are not finite.
    """
    H, A = bloch.hamiltonian, bloch.connection
    if not np.isfinite(H).all():
        raise InputError("the Hamiltonian has NaN or infinity at some k-point; check the input files")
    energies, states = np.linalg.eigh(H)
    velocity = bloch.gradient if A is None else bloch.gradient + _bracket(A, H[:, None])
    velocity_derivative, spin_derivative = _derivatives(bloch, velocity) if derivatives else (None, None)
    site_spin, site_spin_derivative = _site_spin(bloch, sites, derivatives) if sites else (None, None)

    def rotate(X: Complex | None) -> Complex | None:
        return None if X is None else _rotated(X, states)

    geometry = BandGeometry(
        energies=energies,
        velocity=_rotated(velocity, states),
        spin=rotate(bloch.spin),
        group=degenerate_groups(energies, tolerance),
        states=states,
        velocity_derivative=rotate(velocity_derivative),
        spin_derivative=rotate(spin_derivative),
        site_spin=rotate(site_spin),
        site_spin_derivative=rotate(site_spin_derivative),
        definitions=tuple(spin_currents),
    )
    return geometry if tuple(spin_currents) == ("simple",) else _with_spin_currents(geometry, bloch, derivatives)


def band_geometry(
    model: TightBindingModel | KPModel,
    k: NDArray[np.float64],
    *,
    degeneracy_tolerance: float = DEGENERACY_TOLERANCE,
    derivatives: bool = False,
    sites: Sequence[Sequence[int]] = (),
    spin_current: SpinCurrent = "simple",
) -> BandGeometry:
    """Bands, velocity, spin and spin current at k.

    Parameters
    ----------
    k : (nk, 3), reduced coordinates for a TightBindingModel, 1/angstrom (Cartesian) for a KPModel.
    degeneracy_tolerance : eV.
    derivatives : with D_b v^a and D_b sigma^c. sites : Wannier functions of each, for the spin projected on them.
    spin_current : its definition; InputError where the model lacks the matrices for it.
    """
    k = np.atleast_2d(np.asarray(k, float))
    if k.ndim != 2 or k.shape[1] != 3:
        raise InputError(f"k has shape {k.shape}, expected (nk, 3)")
    if isinstance(model, KPModel):
        model.check_spin_current(spin_current)
        bloch = kp_matrices(model, k)
    else:
        bloch = BlochSum(model, second_order=derivatives, spin_currents=(spin_current,)).at_points(k)
    return geometry_of(bloch, degeneracy_tolerance, derivatives, sites, (spin_current,))


def _rotated(X: Complex, states: Complex) -> Complex:
    """U^+ X U: (k,...,n,m)."""
    U = states.reshape(len(X), *(1,) * (X.ndim - 3), *states.shape[1:])
    return np.asarray(adjoint(U) @ (X @ U))


def _bracket(A: Complex, X: Complex) -> Complex:
    """-i [A, X] of Hermitian matrices, by one matrix product."""
    product = A @ X
    return np.asarray(-1j * (product - adjoint(product)))


def _derivatives(bloch: BlochMatrices, velocity: Complex) -> tuple[Complex, Complex | None]:
    """D_b v^a (k,b,a,n,m) and D_b sigma^c (k,b,c,n,m) in the Wannier gauge, with

    d_b v^a = d_b d_a H - i [d_b A_a, H] - i [A_a, d_b H].
    """
    A = bloch.connection
    assert bloch.hessian is not None
    if A is None:
        return bloch.hessian, bloch.spin_gradient
    assert bloch.connection_gradient is not None
    A_a, A_b = A[:, None], A[:, :, None]
    derivative = (
        bloch.hessian
        + _bracket(bloch.connection_gradient, bloch.hamiltonian[:, None, None])
        + _bracket(A_a, bloch.gradient[:, :, None])
        + _bracket(A_b, velocity[:, None])
    )
    if bloch.spin is None or bloch.spin_gradient is None:
        return derivative, None
    return derivative, bloch.spin_gradient + _bracket(A_b, bloch.spin[:, None])


def _site_spin(bloch: BlochMatrices, sites: Sequence[Sequence[int]], derivatives: bool) -> tuple[Complex, Complex | None]:
    """{p_s, sigma^c}/2 (k,s c,n,m) and its covariant derivative (k,b,s c,n,m) in the Wannier gauge."""
    assert bloch.spin is not None
    k, n = bloch.hamiltonian.shape[:2]
    projector = np.array([np.isin(np.arange(n), site) for site in sites], float)
    half = (projector[:, None, :, None] + projector[:, None, None, :]) / 2  # (s,1,n,m): {p, X}/2 = half * X
    site_spin = (half * bloch.spin[:, None]).reshape(k, -1, n, n)
    if not derivatives:
        return site_spin, None
    assert bloch.spin_gradient is not None
    gradient = (half * bloch.spin_gradient[:, :, None]).reshape(k, 3, -1, n, n)
    A = bloch.connection
    return site_spin, gradient if A is None else gradient + _bracket(A[:, :, None], site_spin[:, None])


def _with_spin_currents(g: BandGeometry, bloch: BlochMatrices, derivatives: bool) -> BandGeometry:
    """With the spin currents that are not `simple`, and on request with their covariant derivatives."""
    blocks = operators.Blocks(g.states, g.same_group, g.inverse_gap)
    currents: dict[SpinCurrent, Complex] = {}
    slopes: dict[SpinCurrent, Complex] = {}
    for definition in g.definitions:
        if definition == "simple":
            continue
        B = operators.ryoo(bloch) if definition == "ryoo" else operators.qiao(bloch, blocks)
        current = (B + adjoint(B)) / 4
        currents[definition] = _rotated(current, g.states)
        if not derivatives:
            continue
        dB = operators.ryoo_derivative(bloch) if definition == "ryoo" else operators.qiao_derivative(bloch, blocks)
        slope = (dB + adjoint(dB)) / 4
        if bloch.connection is not None:
            slope = slope + _bracket(bloch.connection[:, :, None, None], current[:, None])
        slopes[definition] = _rotated(slope, g.states)
    return replace(g, spin_currents=currents, spin_current_derivatives=slopes)
