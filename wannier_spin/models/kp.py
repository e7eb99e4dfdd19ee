"""k·p models of one's own: of one, two or three dimensions and any order, from a function H(k) or from text.

    kp_model("v*(kx*sy - ky*sx) + k2/(2*m)", parameters={"v": 0.5, "m": 0.13}, dimension=2, cutoff=0.4)
    kp_model(lambda k: ..., dimension=3, cutoff=0.2)           k (nk, 3) -> H (nk, n, n)

A function without derivatives is differentiated by central differences of eighth order. Their step is the one at which formulas of
sixth and eighth order agree best; by how much is written into the model's source, and more than LARGEST_ERROR is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.continuum import Ball, Box, KPFunction, Region, Series
from wannier_spin.errors import InputError
from wannier_spin.models.hoppings import PAULI
from wannier_spin.models.polynomial import Text, parse_hamiltonian
from wannier_spin.values import is_number

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]
Function = Callable[[Real], Complex]
Spin = NDArray[np.complex128] | Sequence[Text]
LARGEST_ERROR = 1e-6  # of derivatives, relative to the largest in the region
TRIED = 12  # steps, each half of the one before
FIRST_STEP = 0.05  # of the size of the region
FIRST = {8: (4 / 5, -1 / 5, 4 / 105, -1 / 280), 6: (3 / 4, -3 / 20, 1 / 60, 0.0)}  # at +-h, +-2h, ...: odd
SECOND = {8: (-205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560), 6: (-49 / 18, 3 / 2, -3 / 20, 1 / 90, 0.0)}  # at 0, +-h, ...: even


def kp_model(
    hamiltonian: Function | Text,
    *,
    dimension: int,
    cutoff: float | None = None,
    box: tuple[Sequence[float], Sequence[float]] | None = None,
    spin: Spin | None = None,
    derivatives: tuple[Function, Function] | None = None,
    parameters: Mapping[str, float] | None = None,
) -> KPFunction:
    """A k·p model that is integrated over a disk or ball about k = 0, or over a box.

    Parameters
    ----------
    hamiltonian : a function of Cartesian k (nk, 3), 1/angstrom, that returns H (nk, n, n), eV; or a polynomial as text, or rows of
        texts, see `models.polynomial`.
    dimension : 1, 2 or 3: only so many components of k are integrated over, the others are 0.
    cutoff : 1/angstrom, radius of the disk or ball. box : lower and upper corner in place of it, `dimension` numbers each.
    spin : (3, n, n) Pauli matrices, or three texts without k; None: sigma, neighbours in the basis being up and down.
    derivatives : of a function: dH/dk_a (nk, 3, n, n), and d2H/dk_b dk_a (nk, 3, 3, n, n); None: by differences.
    parameters : numbers that a text names.

    Raises
    ------
    InputError : no region, texts that are no polynomial, functions that are not Hermitian or not smooth, wrong derivatives.
    """
    region, parameters = _region(dimension, cutoff, box), {} if parameters is None else parameters
    source = {"k.p": "function of k"}
    if callable(hamiltonian):
        law = _Function.of(hamiltonian, region, derivatives)
        source["derivatives"] = law.told()
        return KPFunction(law, region, _spin(spin, law.n_bands, parameters), source=source)
    if derivatives is not None:
        raise InputError("derivatives are given for a polynomial, whose derivatives are known; leave them out")
    polynomial = parse_hamiltonian(hamiltonian, parameters, dimension)
    source = {"k.p": str(hamiltonian), "parameters": ", ".join(f"{name} = {value:g}" for name, value in parameters.items())}
    return KPFunction(polynomial, region, _spin(spin, polynomial.matrices.shape[-1], parameters), source=source)


def _region(dimension: int, cutoff: float | None, box: tuple[Sequence[float], Sequence[float]] | None) -> Region:
    if (cutoff is None) == (box is None):
        raise InputError("expected either cutoff (1/angstrom, radius of the disk or ball in k) or box, two corners of k")
    if box is None:
        if not is_number(cutoff):
            raise InputError(f"cutoff = {cutoff!r}, expected the radius of the disk or ball in k, in 1/angstrom")
        return Ball(dimension, float(cutoff))
    try:
        lower, upper = (tuple(map(float, corner)) for corner in box)
    except (TypeError, ValueError):
        raise InputError(f"box = {box!r}, expected two corners, [lower], [upper]") from None
    if len(lower) != dimension:
        raise InputError(f"box from {lower} to {upper}: expected {dimension} numbers for each corner, as dimension says")
    return Box(lower, upper)


def _spin(given: Spin | None, n: int, parameters: Mapping[str, float]) -> Complex:
    if given is not None and not isinstance(given, np.ndarray) and any(_is_text(one) for one in given):
        found = [parse_hamiltonian(one, parameters, 0).matrices[0] for one in given]
        return np.array([X if len(X) == n else np.kron(np.eye(n // len(X)), X) for X in found])
    if given is not None:
        return np.asarray(given, complex)
    if n % 2:
        raise InputError(f"H(k) has {n} bands: give the spin, three {n}x{n} Pauli matrices; only an even number has pairs up, down")
    return np.asarray(np.kron(np.eye(n // 2), PAULI), complex)


def _places(region: Region) -> Real:
    """Where derivatives are tried: anywhere in the region, and where functions are rough most often, on the axes and at k = 0."""
    x = np.random.default_rng(3).random((6, 3))
    x[:, region.dimension :] = 0
    k = region.place(x)[0]
    special = np.concatenate([np.zeros((1, 3)), *(k[:2] * (1 - axis) for axis in np.eye(3)[: region.dimension])])
    if isinstance(region, Box):
        d = region.dimension
        inside = ((special[:, :d] >= region.lower) & (special[:, :d] <= region.upper)).all(axis=1)
        special = special[inside]
    return np.concatenate([k, special])


def _is_text(given: object) -> bool:
    return isinstance(given, str) or (isinstance(given, list | tuple) and any(isinstance(x, str) for row in given for x in row))


@dataclass(frozen=True)
class _Function:
    """H(k) of a function, with its derivatives given or by differences. step : 1/angstrom; error : see the module."""

    function: Function
    dimension: int
    n_bands: int
    step: float
    error: float
    derivatives: tuple[Function, Function] | None

    @classmethod
    def of(cls, function: Function, region: Region, derivatives: tuple[Function, Function] | None) -> _Function:
        """Try steps. Raises InputError for what is no function of k, or not smooth."""
        k, size = _places(region), region.size
        value = np.asarray(function(k))
        if value.ndim != 3 or value.shape[0] != len(k) or value.shape[1] != value.shape[2]:
            raise InputError(
                f"H(k) of {len(k)} points has shape {value.shape}, expected ({len(k)}, n, n): the function takes k (nk, 3), all "
                "points at once; one of a single point becomes one with numpy.vectorize(H, signature='(a)->(n,m)')"
            )
        n, d = value.shape[-1], region.dimension
        steps = FIRST_STEP * size * 0.5 ** np.arange(TRIED)
        tried = [(cls(function, d, n, h, 0.0, None)._disagreement(k, size), h) for h in steps.tolist()]
        error, step = min(tried)
        if derivatives is None and not error <= LARGEST_ERROR:
            raise InputError(
                f"H(k) is not smooth: its derivatives by differences are good to {error:.1e} only, expected {LARGEST_ERROR:.0e}; "
                "give derivatives, or leave the point where it is not smooth out of the region"
            )
        found = cls(function, d, n, step, error, derivatives)
        if derivatives is not None:
            found._check_given(k, size)
        return found

    def told(self) -> str:
        """How derivatives are made."""
        if self.derivatives is not None:
            return "given"
        return f"central differences of 8th order, step {self.step:.3g} / angstrom, relative error {self.error:.1e}"

    def series(self, k: Real) -> Series:
        """See `Law`."""
        if self.derivatives is None:
            return self._differences(k, 8)
        first, second = self.derivatives
        return np.asarray(self.function(k), complex), np.asarray(first(k), complex), np.asarray(second(k), complex)

    def _differences(self, k: Real, order: int) -> Series:
        """H and its derivatives by central differences; the mixed ones along the diagonals of the axes."""
        d, n = self.dimension, self.n_bands
        here = np.asarray(self.function(k), complex)
        gradient = np.zeros((len(k), 3, n, n), complex)
        hessian = np.zeros((len(k), 3, 3, n, n), complex)
        axes = np.eye(3)
        for a in range(d):
            gradient[:, a], hessian[:, a, a] = self._along(k, here, axes[a], order)
        for a in range(d):
            for b in range(a):
                both = self._along(k, here, axes[a] + axes[b], order)[1]
                hessian[:, a, b] = hessian[:, b, a] = (both - hessian[:, a, a] - hessian[:, b, b]) / 2
        return here, gradient, hessian

    def _along(self, k: Real, here: Complex, direction: Real, order: int) -> tuple[Complex, Complex]:
        """First and second derivative along a direction."""
        first, second = np.zeros_like(here), SECOND[order][0] * here
        for j, (odd, even) in enumerate(zip(FIRST[order], SECOND[order][1:], strict=True), 1):
            if odd == even == 0:
                continue
            ahead, behind = (np.asarray(self.function(k + sign * j * self.step * direction), complex) for sign in (1, -1))
            first += odd * (ahead - behind)
            second += even * (ahead + behind)
        return first / self.step, second / self.step**2

    def _disagreement(self, k: Real, size: float) -> float:
        """Largest difference of both orders, relative to the largest derivative."""
        return _distance(self._differences(k, 8), self._differences(k, 6), size)

    def _check_given(self, k: Real, size: float) -> None:
        """Raise InputError for derivatives that are not those of the function."""
        given, found = self.series(k), self._differences(k, 8)
        shapes = [(X.shape, Y.shape) for X, Y in zip(given, found, strict=True) if X.shape != Y.shape]
        if shapes:
            raise InputError(f"a derivative of H(k) has shape {shapes[0][0]}, expected {shapes[0][1]}")
        error = _distance(given, found, size)
        if error > 1e-4 and error > 1e3 * self.error:
            raise InputError(f"the derivatives that are given differ from those of H(k) by {error:.1e} of the largest")


def _distance(one: Series, other: Series, size: float) -> float:
    """Of gradients and Hessians, relative to the largest; a Hessian of nearly zero is held against gradient/size."""
    gradient, hessian = np.abs(one[1]).max(), np.abs(one[2]).max()
    scales = (max(gradient, 1e-9 * np.abs(one[0]).max() / size), max(hessian, gradient / size))
    found = [np.abs(X - Y).max() / max(scale, 1e-300) for X, Y, scale in zip(one[1:], other[1:], scales, strict=True)]
    return float(max(found)) if np.isfinite(found).all() else float("inf")
