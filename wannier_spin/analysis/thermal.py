"""Responses to a temperature gradient from those to an electric field: spin Nernst and thermal Edelstein effect.

    alpha(mu, T) = int dE (E - mu)/(e T) (-f'(E)) sigma(E, T = 0),        J_a;c = alpha_ab;c d_b T,    M_a = alpha_ab d_b T

for linear responses J_a;c = sigma_ab;c E_b, M_a = sigma_ab E_b: the generalized Mott relation. At low temperature it is
alpha = (pi^2 k_B^2 T/3e) d sigma/d mu. It is the coefficient of +grad T, at constant electrochemical potential, for electrons of
charge -e: where a field shifts occupations by tau f' v.(e E), a gradient does by tau f' v.grad T (E - mu)/T. Others print
the coefficient of -grad T.

The same responses integrated directly, level by level, are `responses.THERMAL_RESPONSES` ("spin_nernst", ...), at any temperature
and without a scan; this integral is a check of them, and serves results that are there already.

For responses of order tau it is the Boltzmann equation with a constant tau. For those of order tau^0 it is the transport part: the
current or spin density minus what the equilibrium dipole density of the observable contributes in a gradient
(Dong, Xiao, Xiong, Niu, Phys. Rev. Lett. 124, 066601 (2020); the magnetization currents of the anomalous Nernst effect). Phonons,
drag, and a tau that depends on energy are not in it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wannier_spin import responses as resp
from wannier_spin.errors import InputError
from wannier_spin.results import ResponseTensor
from wannier_spin.units import BOLTZMANN

Real = NDArray[np.float64]
SPAN = 15.0  # kT on each side of mu: beyond it lie 1e-5 of what a constant slope gives
FINEST = 0.5  # kT, largest step of mu: then the weight of a step is known to 1e-5
COLDEST = 5.0  # least ratio of T to the temperature of the data, whose own width matters with the square of its inverse


def thermal_counterpart(
    tensor: ResponseTensor, temperature: float | Sequence[float] | Real, mu: float | Sequence[float] | Real | None = None
) -> ResponseTensor:
    """The response to a temperature gradient, from a linear one over a fine scan of mu at a low temperature.

    Parameters
    ----------
    tensor : static and linear; its mu ascending in steps of at most kT/2. Its lowest temperature is used, which must be
        at most T/5 (0 K where there is no Fermi-surface term): it blurs the result as a second temperature would, by some (T0/T)^2
        of the difference from the low-temperature limit.
    temperature : K, one or several (T,). mu : eV, one or several (mu,); None: all of the scan that have 15 kT of it on both sides.

    Returns
    -------
    A ResponseTensor over the new mu and temperatures, with all blocks, errors, tau and units as in `tensor`; per K/m.

    Raises
    ------
    InputError : where the scan does not reach far enough, is too coarse or too warm, and for other responses.
    """
    response, at, site = tensor.name.partition("@")
    record = resp.RESPONSES.get(response)
    if record is None or record.thermal is None or tensor.drive != "E":
        having = [r.name for r in resp.RESPONSES.values() if r.thermal]
        raise InputError(f"'{tensor.name}' has no thermal counterpart; static linear responses have: {', '.join(having)}")
    T = np.atleast_1d(np.asarray(temperature, float))
    coldest = int(np.argmin(tensor.temperature))
    _check(tensor, T, float(tensor.temperature[coldest]))
    points = _points(tensor.mu, BOLTZMANN * float(T.max()), mu)
    weights = _weights(tensor.mu, points, T)

    def integrated(blocks: Mapping[str, Real]) -> dict[str, Real]:
        return {name: np.tensordot(weights, np.diff(block[:, coldest], axis=0), axes=1) for name, block in blocks.items()}

    def bounded(spreads: Mapping[str, Real]) -> dict[str, Real]:
        """Spreads at different mu come from the same boxes: the bound is the sum of all."""
        by_value = np.abs(np.diff(np.pad(weights, ((0, 0), (0, 0), (1, 1))), axis=-1))  # of each sigma, by parts once more
        return {name: np.tensordot(by_value, spread[:, coldest], axes=1) for name, spread in spreads.items()}

    def of_each(stacked: Mapping[str, Real]) -> dict[str, Real]:
        return {name: np.stack([integrated({name: block})[name] for block in blocks]) for name, blocks in stacked.items()}

    thermal = resp.THERMAL_RESPONSES[record.thermal[0]].in_channel(tensor.channel)
    return dataclasses.replace(
        tensor,
        name=thermal.name + at + site,
        title=thermal.title + (f", {site}" if site else ""),
        symbol=thermal.symbol,
        equation=f"Mott integral of {tensor.equation}",
        law=thermal.law,
        drive="grad T",
        blocks=integrated(tensor.blocks),
        block_errors=integrated(tensor.block_errors),
        block_residuals=None if tensor.block_residuals is None else integrated(tensor.block_residuals),
        block_spreads=None if tensor.block_spreads is None else bounded(tensor.block_spreads),
        block_replicas=None if tensor.block_replicas is None else of_each(tensor.block_replicas),
        block_harmonics=None if tensor.block_harmonics is None else of_each(tensor.block_harmonics),
        mu=points,
        temperature=T,
        sites={name: thermal_counterpart(one, temperature, mu) for name, one in tensor.sites.items()},
        definitions={name: thermal_counterpart(one, temperature, mu) for name, one in tensor.definitions.items()},
    )


def _check(tensor: ResponseTensor, T: Real, coldest: float) -> None:
    if T.ndim != 1 or not len(T) or not np.isfinite(T).all() or (T <= 0).any():
        raise InputError(f"temperature must be positive numbers in K, found {T}")
    if coldest * COLDEST > T.min() * (1 + 1e-12):
        raise InputError(
            f"'{tensor.name}' was computed at {coldest:g} K, too warm for a thermal response at {T.min():g} K; expected at most "
            f"{T.min() / COLDEST:g} K: compute it at a lower temperature, on a denser mesh"
        )
    if tensor.carriers is not None:
        raise InputError(
            f"'{tensor.name}' is a scan over carriers; a thermal response integrates over mu: compute it with a scan of mu"
        )
    steps = np.diff(tensor.mu)
    if not len(steps) or (steps <= 0).any():
        raise InputError(f"'{tensor.name}' needs a scan of ascending mu for a thermal response, found {len(tensor.mu)} values")
    largest = FINEST * BOLTZMANN * float(T.min())
    if steps.max() > largest * (1 + 1e-9):
        raise InputError(
            f"the scan of mu has steps of up to {steps.max():.3g} eV, expected at most kT/2 = {largest:.3g} eV at {T.min():g} K; "
            "compute with more values of mu, they cost next to nothing"
        )


def _points(scan: Real, kT: float, mu: object) -> Real:
    """The values of mu whose surroundings the scan covers."""
    low, high = float(scan[0]) + SPAN * kT, float(scan[-1]) - SPAN * kT
    inside = f"from {low:.4f} to {high:.4f} eV" if low <= high else f"at no mu; it needs {2 * SPAN * kT:.3g} eV in all"
    message = f"the scan of mu, {scan[0]:.4f} to {scan[-1]:.4f} eV, covers {SPAN:g} kT on both sides of mu {inside}; extend it"
    if mu is None:
        points = scan[(scan >= low) & (scan <= high)]
        if not len(points):
            raise InputError(message)
        return points
    points = np.atleast_1d(np.asarray(mu, float))
    if points.ndim != 1 or not np.isfinite(points).all() or not len(points):
        raise InputError(f"mu must be a number or a list of finite numbers, found {mu!r}")
    if (points < low).any() or (points > high).any():
        raise InputError(f"mu = {points[(points < low) | (points > high)][0]:g} eV: {message}")
    return points


def _weights(scan: Real, mu: Real, T: Real) -> Real:
    """(mu, T, steps of the scan), V/K: what a step of sigma contributes.

    By parts: (E - mu)/T (-f') = -k_B ds/dE with the entropy of a level s = -f ln f - (1 - f) ln(1 - f), so that alpha is k_B/e
    times the integral of s d sigma: zero for a constant exactly, and right for a scan of straight lines (Simpson within a step).
    """
    x = (scan - mu[:, None, None]) / (BOLTZMANN * T[:, None])
    left, middle, right = _entropy(x[..., :-1]), _entropy((x[..., :-1] + x[..., 1:]) / 2), _entropy(x[..., 1:])
    return np.asarray(BOLTZMANN * (left + 4 * middle + right) / 6)


def _entropy(x: Real) -> Real:
    """-f ln f - (1 - f) ln(1 - f) at f = 1/(1 + e^x)."""
    tail = np.exp(-np.abs(x))
    return np.asarray(np.log1p(tail) + np.abs(x) * tail / (1 + tail))
