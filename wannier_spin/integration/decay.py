"""How the Fourier coefficients of a scan fall off, from where a mesh knows them to where they make its error.

Between two windows of distances a power is measured, at every mu together with those about it: coefficients of a metal fall off
slower than those of an insulator in the same scan, and single ones oscillate. It is continued with what is known besides:

    a Fermi surface   the step of f in d dimensions makes coefficients fall off like |R|^-(d+1)/2, f' and a resonance like
                      |R|^-(d-1)/2. On coarse meshes the windows are a few cells wide, and what falls off slower than that between
                      them is expected to do so half way.
    temperature       a factor x/sinh x, x = pi kT |R|/v, which takes hold at D and may not be seen in the windows
    farther vectors   those that are not continued one by one are as large as the power says
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
NEIGHBOURS = 5  # values of mu that tell a decay at least, be they ever so far
NEGLIGIBLE = 1e-6  # of the largest amplitude: its decay says nothing
MEASURED = 0.5  # of the power, where it is less than that of a Fermi surface: the rest is the latter
FAST = 2.0  # times the root mean square of velocities: what is fastest falls off last
HOTTEST = 4.0  # x at D: for larger ones the fall is not believed
MOST = 10.0  # an estimate is lifted at most by so much
_TINY = np.finfo(float).tiny


def about(energies: Real, reach: float, least: int = 1) -> Real:
    """Weights of values of mu about each one: one nearer than half of the reach, from there on less, none beyond 1.5 of it.

    energies : (m,). least : so many are within the reach, itself one of them. Returns (m, m).
    """
    distance = np.abs(energies[:, None] - energies)
    nearest = np.sort(distance, axis=1)[:, min(least, len(energies)) - 1, None]
    return np.asarray(np.clip(1.5 - distance / np.maximum(np.maximum(reach, 1.0001 * nearest), _TINY), 0.0, 1.0))


def decay_per_octave(inner: Real, outer: Real, weights: Real) -> Real:
    """log2 of inner over outer amplitudes, both (rows, m, components), mean over components and the mu about each: (m,).

    weights : (m, m) of `about`. Zero where they grow, and where there are no rows.
    """
    if not len(inner):
        return np.zeros(outer.shape[1])
    near, far = (np.sqrt((x**2).mean(axis=0)) for x in (inner, outer))
    counts = far > NEGLIGIBLE * far.max(initial=0.0)
    octaves = np.where(counts, np.log2(np.maximum(near, _TINY) / np.maximum(far, _TINY)), 0.0)
    number = weights @ counts.sum(axis=1)
    return np.maximum(np.divide(weights @ octaves.sum(axis=1), number, out=np.zeros_like(number), where=number > 0), 0.0)


def thermal(x: Real) -> Real:
    """x/sinh x: (...) -> (...)."""
    return np.asarray(np.divide(x, np.sinh(x), out=np.ones_like(x), where=x > 0))


def at_shortest(kT: Real, step: float) -> Real:
    """x of `thermal` at the shortest D, pi kT |D|/v: (m,). kT (m,) and step, what an energy changes by from one point of a mesh to
    the next, in eV.
    """
    return np.minimum(2 * np.pi**2 * kT / max(FAST * step, 1e-12), HOTTEST)


def octaves_to(octaves: float, decay: Real, power: float, x: Real) -> Real:
    """By how many octaves an amplitude falls on a way: (m,).

    octaves : of distance, from the middle of the outer window. decay (m,) : per octave, measured. power : of a Fermi surface.
    x (m,) : of `thermal`, at the end of the way.
    """
    fall = np.maximum(decay, MEASURED * decay + (1 - MEASURED) * power)
    inner, outer, end = (np.log2(thermal(x * part)) for part in (0.5 * 2.0**-octaves, 2.0**-octaves, 1.0))
    unseen = np.maximum(outer - end - octaves * (inner - outer), 0.0)  # what the power does not continue
    return np.asarray(fall * octaves + unseen)


def with_farther(lengths: Real, kept: Real, power: float, x: Real) -> Real:
    """Root of the sum over all vectors of the superlattice, over that of those which are continued one by one: (m,).

    lengths (n,), kept (k,) : of both, in units of the shortest. x (m,) : of `thermal` there.
    """

    def squares(L: Real) -> Real:
        return np.asarray((L ** (-2 * power) * thermal(np.minimum(x[:, None] * L, 700.0)) ** 2).sum(axis=1))

    return np.sqrt(np.maximum(squares(lengths) / squares(kept), 1.0))


def lift(size: Real, energies: Real, step: float) -> Real:
    """Factors that keep estimates from pinching to zero where Fourier coefficients change their sign between two values of mu.

    Along the scan they oscillate with a period of about the step of energies from one point of the mesh to the next, `step`, and
    the error with another phase. An estimate is at least the geometric mean of all within that distance, but no more than MOST
    times itself: what is smaller is not so by a pinch, but by a gap. size : (mu, T); energies : the values of mu.
    """
    counts = size > NEGLIGIBLE * size.max(axis=0)
    logarithm = np.log(np.where(counts, size, 1.0))
    near = (np.abs(energies[:, None] - energies) <= step).astype(float)
    typical = np.exp(near @ logarithm / np.maximum(near @ counts, 1))
    return np.clip(np.divide(typical, size, out=np.ones_like(size), where=counts), 1.0, MOST)


def mixed(rows: Real, energies: Real, reach: float, seed: int) -> Real:
    """Rows (J, m, ...) of the mu about each one with random signs: their mean square is that of these, component by component.

    Signs are the same for all components, so that these combine as they do at one mu.
    """
    weights = about(energies, reach)
    weights = np.sqrt(weights / weights.sum(axis=1, keepdims=True))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], rows.shape[:2])
    flat = rows.reshape(*rows.shape[:2], -1)
    return np.stack([(weights * s) @ row for s, row in zip(signs, flat, strict=True)]).reshape(rows.shape)
