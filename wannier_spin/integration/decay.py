"""How the Fourier coefficients of a scan fall off, from where a mesh knows them to where they make its error.

Between two windows of distances a power is measured, at every mu together with those about it: coefficients of a metal fall off
slower than those of an insulator in the same scan, and single ones oscillate. It is continued with what is known besides:

    a Fermi surface   the step of f in d dimensions makes coefficients fall off like |R|^-(d+1)/2, f' and a resonance like
                      |R|^-(d-1)/2, where bands change along d directions: see `fermi_power`. On coarse meshes the windows are a
                      few cells wide, and what falls off slower than that between them is expected to do so half way.
    temperature       a factor x/sinh x, x = pi kT |R|/v, which takes hold at D and may not be seen in the windows
    farther vectors   those that are not continued one by one are as large as the power says
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
NEIGHBOURS = 5  # values of mu that tell a decay at least, be they ever so far
NEGLIGIBLE = 1e-6  # of the largest amplitude: its decay says nothing
MEASURED = 0.5  # of the power, where it is less than that of a Fermi surface: the rest is the latter
FAST = 2.0  # times the root mean square of velocities: what is fastest falls off last
HOTTEST = 4.0  # x at D: where it is larger the windows know of the fall, and what they do not show is not there
FEW = 3.0  # states near mu, images of one another counted once: fewer do not tell how large coefficients are
CELLS = 4.0  # that mu crosses: fewer are the tail of a gap
ROUNDING = 1 + 1e-7  # of a step: rounding decides nothing where mu are as far apart as it
PARTS = 8  # of a scan, as many mu as it has at least: one says how little of a component there may be by chance
UNSEEN = 1e-3  # of what a point near mu counts: one whose cell mu crosses, where there is no other
ANYWHERE = 0.25  # of the square of what is missing: a Fermi surface that no point has seen need not be like what points have seen
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


def fermi_power(dimension: float, sharp: bool) -> float:
    """With which the coefficients of a Fermi surface fall off. sharp : of f', or of resonances; else of the step of f."""
    return (dimension + (-1 if sharp else 1)) / 2


def thermal(x: Real) -> Real:
    """x/sinh x: (...) -> (...)."""
    return np.asarray(np.divide(x, np.sinh(x), out=np.ones_like(x), where=x > 0))


def at_end(kT: Real, step: float) -> Real:
    """x of `thermal` at a vector D, pi kT |D|/v, as far as the windows do not show what it makes of amplitudes: (m,).

    kT (m,) and step, what an energy changes by from one point of a mesh to the next along D, in eV. Above HOTTEST less and less is
    left: amplitudes that go on like a power there are those of crossings of bands, not of a Fermi surface.
    """
    x = 2 * np.pi**2 * kT / max(FAST * step, 1e-12)
    return np.minimum(x, HOTTEST**2 / np.maximum(x, HOTTEST))


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


def steps_at(energies: Real, step: float, seen: Real, crossed: Real, squares: Real) -> Real:
    """What an energy at each mu changes by from one point to the next: (m, T), at most the step of all bands, eV.

    Root mean square over the Fermi surface: that of the states whose cells mu crosses, in proportion to its area. Where it crosses
    few, and as far as points have not seen the Fermi surfaces of the mu within such a step, the step of all bands counts.

    energies : the values of mu. seen, crossed : (m, T), of `expected`. squares : (m, T) sums over the cells that are crossed, eV^2.
    """
    own = np.minimum(np.sqrt((squares + CELLS * step**2) / (crossed + CELLS)), step)
    near = _within(energies, own)
    blind = _sums(near, FEW / (FEW + seen)) / _sums(near, np.ones_like(seen))
    return np.asarray(own + (step - own) * blind)


def _within(energies: Real, steps: Real) -> Real:
    """One for each mu within the step (m, T) of each one, else zero: (T, m, m)."""
    return np.asarray(np.abs(energies[:, None] - energies) <= ROUNDING * steps.T[..., None], float)


def _sums(near: Real, x: Real) -> Real:
    """Over those of `_within`: (m, T) -> (m, T)."""
    return np.asarray((near @ x.T[..., None])[..., 0].T)


def expected(size: Real, energies: Real, steps: Real, seen: Real, crossed: Real, alone: Real) -> Real:
    """How large estimates are at least, by those at the mu within a step of energies from one point to the next: (m, T).

    Along a scan Fourier coefficients oscillate with a period of about that step, and the error with another phase: an estimate that
    pinches is not known to be small, and is at least the geometric mean of those about it. Where the Fermi surface lies between the
    points, an estimate says nothing: each one counts as much as points have seen of its own Fermi surface. The fewer a mu has of
    its own, the more their mean square counts in place of the geometric mean, and the more it has to be, up to twice: the 48 images
    of one state are one.

    size : (m, T). energies : the values of mu. steps : (m, T) of `steps_at`. seen, crossed, alone : (m, T), of points of the mesh,
    see `integrals.bars.fermi_points`, the last one without images: without cells that mu crosses nothing is expected in the gap.
    """
    counts = size > NEGLIGIBLE * size.max(axis=0)
    near = _within(energies, steps)
    weights = np.where(counts, seen + UNSEEN * crossed, 0.0)
    number = np.maximum(_sums(near, weights), _TINY)
    squares = np.where(counts, size, 1.0) ** 2
    geometric = _sums(near, weights * np.log(squares)) / number
    mean = np.log(np.maximum(_sums(near, weights * squares) / number, _TINY))
    blind = FEW / (FEW + alone)
    found = np.exp((1 - blind) * geometric + blind * mean) * (1 + blind) * np.minimum(crossed / CELLS, 1.0)
    return np.asarray(np.sqrt(np.where(number > _TINY, found, 0.0)))


def unknown(energies: Real, step: float, seen: Real, crossed: Real) -> NDArray[np.bool_]:
    """Where bands cross mu and no point is near any mu within a step: `expected` knows nothing there. (m, T), see there."""
    near = (np.abs(energies[:, None] - energies) <= step).astype(float)
    return np.asarray((crossed >= CELLS) & (near @ seen < 1))


def mixed(rows: Real, energies: Real, reach: float, seed: int) -> Real:
    """Rows (J, m, ...) of the mu about each one with random signs: their mean square is that of these, component by component.

    Signs are the same for all components, so that these combine as they do at one mu.
    """
    weights = about(energies, reach)
    weights = np.sqrt(weights / weights.sum(axis=1, keepdims=True))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], rows.shape[:2])
    flat = rows.reshape(*rows.shape[:2], -1)
    return np.stack([(weights * s) @ row for s, row in zip(signs, flat, strict=True)]).reshape(rows.shape)


@dataclass(frozen=True)
class Sizes:
    """Of all rows of a response at some points (w,): as they are, what is expected of them at least, and `Stars.of_half`."""

    size: Real
    expected: Real
    of_half: Real

    @property
    def own(self) -> Real:
        """What its own rows are raised to: (w,)."""
        return np.sqrt(self.expected**2 - self.lost**2)

    @property
    def lost(self) -> Real:
        """What may be in any component that the scan has: a part of what is missing, (w,)."""
        return np.sqrt(ANYWHERE * np.maximum(self.expected**2 - self.size**2, 0.0))

    def __getitem__(self, points: NDArray[np.int64]) -> Sizes:
        return Sizes(self.size[points], self.expected[points], self.of_half[points])

    def or_larger(self, other: Sizes) -> Sizes:
        """The larger of both, point by point."""
        pairs = ((self.size, other.size), (self.expected, other.expected), (self.of_half, other.of_half))
        return Sizes(*(np.maximum(*pair) for pair in pairs))


def parts(energies: Real) -> Real:
    """One for each mu (m,) of one of PARTS of a scan, as many neighbours as in the others, else zero: (PARTS, m)."""
    order = np.argsort(np.argsort(energies, kind="stable"), kind="stable")
    return np.asarray(order * PARTS // len(energies) == np.arange(PARTS)[:, None], float)


def patterns(rows: Real, among: Real, seed: int) -> Real:
    """Rows (J, m, T, ...) of each of the `parts` (PARTS, m) mixed to one with random signs, the same for all mu, as by `mixed`:
    (PARTS, m, T, ...).
    """
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], rows.shape[:2])
    found = np.stack([np.tensordot(signs * one, rows, 2) for one in among])
    return np.repeat(found[:, None], among.shape[1], axis=1)


def shared(patterns: Real, seen: Real, among: Real) -> Real:
    """Factors (PARTS, w) that make of patterns, combined to components (PARTS, w, components), parts of one whose squares are one.

    Each part counts as much as it has seen of its own: seen (w,), estimates over what is expected of them, w = (m, T). among :
    (PARTS, m) of `parts`.
    """
    sizes = np.sqrt((patterns**2).sum(axis=-1))
    known = np.tile(among @ (seen**2).reshape(among.shape[1], -1), among.shape[1])
    counts = np.where(sizes > NEGLIGIBLE * sizes.max(axis=0), known, 0.0)
    number = np.maximum(counts.sum(axis=0), _TINY)
    return np.divide(np.sqrt(counts / number), sizes, out=np.zeros_like(sizes), where=counts > 0)
