"""Models in the continuum: k·p Hamiltonians H(k) of Cartesian k, without a lattice, and the region of k that is integrated over.

    KPModel      quadratic in k on the plane, integrated over a disk, also an infinite one
    KPFunction   any dimension and order, H(k) given by a law: a function, or a polynomial (`models.kp_model` makes them)

Energies eV, k in 1/angstrom, hbar = e = 1. The position operator commutes with the basis functions, and the spin does not depend
on k: D_a H = dH/dk_a.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wannier_spin.described import described
from wannier_spin.errors import InputError
from wannier_spin.model import SPIN_CURRENT_OPERATORS, SpinCurrent, TightBindingModel
from wannier_spin.operators import KNOWN, Operator, check_operator, unknown_operator

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]
Series = tuple[Complex, Complex, Complex]  # H (k,n,n), d_a H (k,a,n,n), d_b d_a H (k,b,a,n,n)
SAMPLES = 16  # points at which models are looked at: for identity, Hermiticity, derivatives
SKEW, SKEW_PHASE, SKEW_TURN = 0.7, 0.4, 3.3  # of radial coordinates: log of their range, and where they are largest
HERMITIAN = 1e-9  # of the largest element
DIRECTIONS = 180
SAME_ENERGY, LEAST_ENERGY = 1e-6, 1e-12  # bands are exact: degenerate below this part of the energy scale; eV
FLAT = 1e-6  # of the largest curvature: a band that is flat in some direction has no bottom


class Region(Protocol):
    """What is integrated over: the image of the unit cube (line, square) under a smooth map."""

    @property
    def dimension(self) -> int:
        """1, 2 or 3."""

    @property
    def size(self) -> float:
        """A length in k, 1/angstrom; inf for an infinite region."""

    def place(self, x: Real) -> tuple[Real, Real, Real]:
        """Of points x (k,3), unused axes 0: Cartesian k (k,3), the tangents dk/dx_i (k,i,3), and |det dk/dx| (k,)."""


@dataclass(frozen=True)
class Box:
    """A line, rectangle or cuboid: lower and upper corner, 1/angstrom, as many numbers as it has dimensions."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def __post_init__(self) -> None:
        low, high = np.array(self.lower, float), np.array(self.upper, float)
        if low.shape != high.shape or low.shape not in ((1,), (2,), (3,)):
            raise InputError(f"box from {self.lower} to {self.upper}: expected two corners of one, two or three numbers each")
        if not np.isfinite([low, high]).all() or not (high > low).all():
            raise InputError(f"box from {self.lower} to {self.upper}: expected finite numbers, each upper one above the lower one")

    @property
    def dimension(self) -> int:
        return len(self.lower)

    @property
    def size(self) -> float:
        return float(np.subtract(self.upper, self.lower).max())

    def place(self, x: Real) -> tuple[Real, Real, Real]:
        """See `Region`."""
        d, edges = self.dimension, np.subtract(self.upper, self.lower)
        k, tangents = np.zeros((len(x), 3)), np.zeros((len(x), 3, 3))
        k[:, :d] = np.array(self.lower) + x[:, :d] * edges
        tangents[:, range(d), range(d)] = edges
        return k, tangents, np.full(len(x), edges.prod())


@dataclass(frozen=True)
class Ball:
    """A disk (dimension 2) or ball (3) about k = 0; in one dimension -radius to radius. radius : 1/angstrom.

    scale : of an infinite one, the wave vector about which half of the points lie.

    The radial coordinate is another one in every direction, r = radius x/(x + (1 - x) h) or scale h x/(1 - x): round Fermi surfaces
    then cut boxes in all places, and what is left out in one is made up for in another.
    """

    dimension: int
    radius: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.dimension not in (1, 2, 3):
            raise InputError(f"dimension = {self.dimension}, expected 1, 2 or 3")
        if not self.radius > 0:
            raise InputError(f"cutoff is {self.radius}, expected a positive number")

    @property
    def size(self) -> float:
        return self.radius

    def place(self, x: Real) -> tuple[Real, Real, Real]:
        """See `Region`: polar coordinates."""
        if self.dimension == 1:
            return self._line(x)
        r, slope, by_h = self._radius(x)
        unit, turns = _directions(x, self.dimension)  # (k,3), its derivatives with respect to the angles (k,i,3)
        tangents = np.zeros((len(x), 3, 3))
        tangents[:, 0] = slope[:, None] * unit
        tangents[:, 1 : self.dimension] = r[:, None, None] * turns + by_h[:, :, None] * unit[:, None]
        area = np.linalg.norm(turns, axis=2).prod(axis=1)  # they are orthogonal
        return r[:, None] * unit, tangents, slope * r ** (self.dimension - 1) * area

    def _radius(self, points: Real) -> tuple[Real, Real, Real]:
        """r, its derivative with respect to x, and those with respect to the angles (k,i)."""
        x, d = points[:, 0], self.dimension
        turns = np.array([2 * np.pi] if d == 2 else [SKEW_TURN, 2 * np.pi])
        angle = SKEW_PHASE + points[:, 1:d] @ turns
        h = np.exp(SKEW * np.sin(angle))
        along = (SKEW * np.cos(angle) * h)[:, None] * turns  # dh
        if np.isinf(self.radius):
            return self.scale * h * x / (1 - x), self.scale * h / (1 - x) ** 2, (self.scale * x / (1 - x))[:, None] * along
        bottom = x + (1 - x) * h
        return self.radius * x / bottom, self.radius * h / bottom**2, (-self.radius * x * (1 - x) / bottom**2)[:, None] * along

    def _line(self, x: Real) -> tuple[Real, Real, Real]:
        """From one end to the other; to infinity by k = scale u/(1 - u^2), u = 2x - 1."""
        u = 2 * x[:, 0] - 1
        far = np.isinf(self.radius)
        along = self.scale * u / (1 - u**2) if far else self.radius * u
        slope = 2 * self.scale * (1 + u**2) / (1 - u**2) ** 2 if far else np.full(len(x), 2 * self.radius)
        k, tangents = np.zeros((len(x), 3)), np.zeros((len(x), 3, 3))
        k[:, 0], tangents[:, 0, 0] = along, slope
        return k, tangents, slope


def _directions(x: Real, dimension: int) -> tuple[Real, Real]:
    """Unit vectors, and their derivatives with respect to the angles in [0, 1]: phi, or theta and phi."""
    phi = 2 * np.pi * x[:, dimension - 1]
    theta = np.pi * x[:, 1] if dimension == 3 else np.full(len(x), np.pi / 2)
    zero, (c, s), (C, S) = np.zeros(len(x)), (np.cos(phi), np.sin(phi)), (np.cos(theta), np.sin(theta))
    C = C if dimension == 3 else zero
    unit = np.stack([S * c, S * s, C], axis=1)
    along_theta, along_phi = np.pi * np.stack([C * c, C * s, -S], axis=1), 2 * np.pi * np.stack([-S * s, S * c, zero], axis=1)
    return unit, np.stack([along_theta, along_phi] if dimension == 3 else [along_phi], axis=1)


class ContinuumModel:
    """What all models of Cartesian k have in common; `region` is what is integrated over."""

    spin: Complex  # (3, n, n) Pauli
    name: str
    source: dict[str, str]
    extra_operators: Mapping[str, Operator]

    @property
    def region(self) -> Region:
        """What is integrated over."""
        raise NotImplementedError

    def series(self, k: Real) -> Series:
        """H and its first and second derivatives at Cartesian k (k,3), 1/angstrom."""
        raise NotImplementedError

    @property
    def dimension(self) -> int:
        return self.region.dimension

    @property
    def n_bands(self) -> int:
        return int(np.shape(self.spin)[-1])

    @property
    def operators(self) -> Mapping[str, Operator]:
        """The spin and `extra_operators`, by name: matrices that do not depend on k."""
        return {"spin": Operator(self.spin, *KNOWN["spin"]), **self.extra_operators}

    def crystal(self, need: str = "this needs a crystal: files of a run, or a saved model") -> TightBindingModel:
        """Raise InputError with the need: there is no lattice."""
        raise InputError(f"model '{self.name}' is a k·p model: {need}")

    @property
    def thickness(self) -> None:
        """None is known."""
        return None

    @property
    def degeneracy_tolerance(self) -> float:
        """See `TightBindingModel`. Bands are exact, and may be meV apart on purpose."""
        return max(SAME_ENERGY * self.energy_scale, LEAST_ENERGY)

    @property
    def to_cartesian(self) -> Real:
        """See `TightBindingModel`: k is Cartesian."""
        return np.eye(3)

    @property
    def reciprocal_vectors(self) -> Real:
        """See `TightBindingModel`: none."""
        return np.empty((0, 3))

    @property
    def bands_end(self) -> bool:
        """See `TightBindingModel`: they go on outside of the region."""
        return False

    @property
    def sea_diverges(self) -> bool:
        """See `TightBindingModel`."""
        return bool(np.isinf(self.region.size)) and not self.rises_everywhere

    def spread_over(self, x: Real) -> tuple[Real, Real]:
        """See `TightBindingModel`: as k-points of the region."""
        k, _, weights = self.region.place(x * (np.arange(3) < self.dimension))
        return k, weights

    @property
    def scales(self) -> tuple[float, float]:
        """The wave vector on which the bands change, 1/angstrom, and how fast they change at most near k = 0, eV angstrom.

        Raises InputError where H does not depend on k.
        """
        steepest = float(np.abs(self.series(self.samples())[1]).max())
        if not steepest > 0:
            raise InputError(f"H(k) of model '{self.name}' does not depend on k")
        return min(max(self.energy_scale, 1e-6) / steepest, self.region.size), steepest

    @property
    def energy_scale(self) -> float:
        """The largest element of H at k = 0, eV."""
        return float(np.abs(self.series(np.zeros((1, 3)))[0]).max())

    @property
    def rises_everywhere(self) -> bool:
        """Whether all bands rise without bound in all directions: what is occupied is then finite, and no cut-off matters."""
        return False

    def samples(self) -> Real:
        """Points in the region (SAMPLES, 3), the same ones always."""
        x = np.random.default_rng(7).random((SAMPLES, 3))
        x[:, self.dimension :] = 0
        return self.region.place(x)[0]

    def identity(self) -> Iterator[bytes | memoryview]:
        """What makes the numbers, piece by piece: the same for the same model."""
        k = self.samples()
        arrays = (k, *self.series(k), *(X.matrices for X in self.operators.values()))
        yield from (np.ascontiguousarray(X).data for X in arrays)

    def require(self, names: Sequence[str], purpose: str) -> None:
        """Raise InputError where an operator is missing that `purpose` needs."""
        missing = [name for name in names if name not in self.operators]
        for definition, own in SPIN_CURRENT_OPERATORS.items():
            if missing and missing[0] in own:
                self.check_spin_current(definition)
        if missing:
            raise InputError(unknown_operator(self.name, missing, purpose, self.operators))

    def check_spin_current(self, definition: SpinCurrent) -> None:
        """Raise InputError for anything but `simple`."""
        if definition != "simple":
            raise InputError(
                f"model '{self.name}' is a k·p model, whose bands are all that there is: spin_current = 'simple' is exact, and "
                f"'{definition}' is not there"
            )

    def _check_matrices(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Arrays of these shapes, finite and Hermitian. Raises InputError."""
        for key, shape in shapes.items():
            value = np.asarray(getattr(self, key), complex)
            if value.shape != shape:
                raise InputError(f"model '{self.name}': {key} has shape {value.shape}, expected {shape}")
            if not np.isfinite(value).all():
                raise InputError(f"model '{self.name}': {key} has NaN or infinity")
            if np.abs(value - value.swapaxes(-1, -2).conj()).max() > 1e-12 * max(1.0, np.abs(value).max()):
                raise InputError(f"model '{self.name}': {key} is not Hermitian")
            object.__setattr__(self, key, value)
        n = self.n_bands
        for key, operator in self.extra_operators.items():
            check_operator(self.name, key, operator, (*(3,) * operator.rank, n, n))


@described(constant="eV", linear="eV angstrom", quadratic="eV angstrom^2", cutoff="1/angstrom")
@dataclass(frozen=True)
class KPModel(ContinuumModel):
    """A k·p model on the plane, H(k) = H0 + k_a H1_a + k_a k_b H2_ab / 2, with spin matrices that do not depend on k.

    constant (n, n) eV; linear (3, n, n) eV angstrom; quadratic (3, 3, n, n) eV angstrom^2;
    spin (3, n, n) Pauli; cutoff: radius of the disk that is integrated over, 1/angstrom (inf allowed where the
    integrals converge); name. Only k_x and k_y are used.
    """

    constant: Complex
    linear: Complex
    quadratic: Complex
    spin: Complex
    cutoff: float = np.inf
    name: str = "k.p"
    source: dict[str, str] = field(default_factory=dict)
    extra_operators: Mapping[str, Operator] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = np.shape(self.constant)[-1]
        self._check_matrices({"constant": (n, n), "linear": (3, n, n), "quadratic": (3, 3, n, n), "spin": (3, n, n)})
        if not self.cutoff > 0:
            raise InputError(f"model '{self.name}': cutoff is {self.cutoff}, expected a positive number")

    @property
    def region(self) -> Ball:
        """The disk."""
        return Ball(2, self.cutoff, self.wave_vector if np.isinf(self.cutoff) else 1.0)

    @property
    def wave_vector(self) -> float:
        """On which the bands change: |H0|/|H1|, 1/angstrom. Raises InputError where no term is linear in k."""
        constant, linear = np.abs(self.constant).max(), np.abs(self.linear).max()
        if linear == 0:
            raise InputError(f"model '{self.name}' has no term linear in k; its wave-vector scale is not defined")
        return float(max(constant, 1e-6) / linear)

    @property
    def dimension(self) -> int:
        return 2

    @property
    def scales(self) -> tuple[float, float]:
        """See `ContinuumModel`."""
        return self.wave_vector, float(np.abs(self.linear).max())

    @property
    def rises_everywhere(self) -> bool:
        """See `ContinuumModel`."""
        angles = np.linspace(0, np.pi, DIRECTIONS, endpoint=False)
        n = np.stack([np.cos(angles), np.sin(angles)])
        far_out = np.einsum("at,bt,abij->tij", n, n, self.quadratic[:2, :2]) / 2
        return bool(np.linalg.eigvalsh(far_out).min() > FLAT * np.abs(far_out).max())

    def series(self, k: Real) -> Series:
        """See `ContinuumModel`."""
        quadratic = np.einsum("kb,banm->kanm", k, self.quadratic)
        hamiltonian = self.constant + np.einsum("ka,kanm->knm", k, self.linear + quadratic / 2)
        return hamiltonian, self.linear + quadratic, np.tile(self.quadratic, (len(k), 1, 1, 1, 1))


class Law(Protocol):
    """H(k) of a `KPFunction`: a function, or a polynomial."""

    def series(self, k: Real) -> Series:
        """H and its first and second derivatives at Cartesian k (k,3); zero along the axes that are not used."""


@described()
@dataclass(frozen=True)
class KPFunction(ContinuumModel):
    """A k·p model of any dimension and order. `models.kp_model` makes it from a function or from text.

    law : H(k) and its derivatives. domain : what is integrated over, a finite Box or Ball. spin (3, n, n) Pauli. Raises
    InputError: H(k) that is not finite or not Hermitian somewhere in the region, shapes that do not fit.
    """

    law: Law
    domain: Region
    spin: Complex
    name: str = "k.p"
    source: dict[str, str] = field(default_factory=dict)
    extra_operators: Mapping[str, Operator] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = np.shape(self.spin)[-1]
        self._check_matrices({"spin": (3, n, n)})
        if not np.isfinite(self.region.size):
            raise InputError(f"model '{self.name}': cutoff is infinite, expected a finite region of k")
        k = self.samples()
        for what, X in zip(("H", "dH/dk", "d2H/dk2"), self.law.series(k), strict=True):
            if X.shape[-2:] != (n, n):
                raise InputError(f"model '{self.name}': {what} has matrices {X.shape[-2:]}, and the spin {(n, n)}")
            if not np.isfinite(X).all():
                raise InputError(f"model '{self.name}': {what} has NaN or infinity in the region that is integrated over")
            if np.abs(X - X.swapaxes(-1, -2).conj()).max() > HERMITIAN * max(1.0, np.abs(X).max()):
                raise InputError(f"model '{self.name}': {what} is not Hermitian")

    @property
    def region(self) -> Region:
        """See `ContinuumModel`."""
        return self.domain

    def series(self, k: Real) -> Series:
        """See `ContinuumModel`."""
        return self.law.series(k)


Model = TightBindingModel | ContinuumModel  # of a crystal, or in the continuum: what they share is named alike
