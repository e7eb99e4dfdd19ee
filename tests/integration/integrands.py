"""Analytic integrands on boxes, for the adaptive integrator alone: no model, no bands."""

from dataclasses import dataclass
from math import erf, pi, sqrt

import numpy as np

from wannier_spin.integration.adaptive import Limits, Problem, Sample, Verdict
from wannier_spin.integration.boxes import tiling
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.integration.rules import tensor_rule

ALONE = (np.array([[0, 1, 2]]), np.array([[1, 1, 1]]))
SQUARE = (
    np.array([p for p in ((0, 1, 2), (1, 0, 2)) for _ in range(4)]),
    np.array([(s, t, 1) for _ in range(2) for s in (1, -1) for t in (1, -1)]),
)


def centred(x):
    """The image of x next to 0, in [-1/2, 1/2]."""
    return x - np.round(x)


def gaussian(x, width=0.03, at=0.37):
    """A narrow peak about (at, at, ...)."""
    return np.exp(-(centred(x - at) ** 2).sum(axis=1) / (2 * width**2))


def gaussian_mean(d, width=0.03):
    return (width * sqrt(2 * pi) * erf(0.5 / (width * sqrt(2)))) ** d


def disk(x, r=0.31):
    """1 where |x| < r."""
    return ((centred(x) ** 2).sum(axis=1) < r**2).astype(float)


def disk_mean(d, r=0.31):
    return {1: 2 * r, 2: pi * r**2, 3: 4 / 3 * pi * r**3}[d]


def cosines(x):
    """exp of cosines: smooth and periodic, a product over the axes."""
    return np.exp(np.cos(2 * pi * x).sum(axis=1))


def cosines_mean(d):
    return float(np.i0(1.0)) ** d


def ridge(x, width=0.01):
    """A Lorentzian along the first axis, at 0.3, nothing along the others; and a slow wave along the last one."""
    t = 2 * pi * (x[:, 0] - 0.3)
    return width / (width**2 + np.sin(t / 2) ** 2) * (1 + 0.3 * np.cos(2 * pi * x[:, -1]))


def ridge_mean(d, width=0.01):
    """The mean of width/(width^2 + sin^2) is 1/sqrt(1 + width^2); the wave averages to 1 where it is another axis."""
    plain = 1 / sqrt(1 + width**2)
    if d > 1:
        return plain
    rho = (sqrt(1 + width**2) - width) ** 2  # first Fourier coefficient over the zeroth
    return plain * (1 + 0.3 * rho * np.cos(2 * pi * 0.3))


MEANS = {gaussian: gaussian_mean, disk: disk_mean, cosines: cosines_mean, ridge: ridge_mean}


@dataclass
class Analytic:
    """Functions of x (p, d) as an integrand of the adaptive integrator, one channel and one response each.

    suspect : boxes (lower, size) -> part in which something may hide. boxes : how many were evaluated.
    """

    functions: tuple
    tiling: object
    suspect: object = None
    boxes: int = 0

    @property
    def flags(self):
        return tuple(bool(n > 1) for n in self.tiling.counts)

    def __call__(self, boxes):
        rule = tensor_rule(self.flags)
        free = [axis for axis in range(3) if self.flags[axis]]
        nodes = np.stack(np.meshgrid(*rule.nodes, indexing="ij"), axis=-1).reshape(-1, 3)
        lower, size = self.tiling.bounds(boxes)
        volume = boxes.weight * size.prod(axis=1)
        for i in range(len(boxes)):
            self.boxes += 1
            x = (lower[i] + size[i] * nodes)[:, free]
            values = volume[i] * np.stack([f(x) for f in self.functions], axis=1)

            def total(part, values=values):
                return part.weights @ values[part.points]

            fine = total(rule.fine)
            difference = fine - total(rule.coarse)
            along = {axis: np.abs(fine - total(part)).max() for axis, part in rule.along.items()}
            axis = max(along, key=lambda a: (round(along[a] / max(*along.values(), 1e-300), 9), -a))
            suspect = 0.0 if self.suspect is None else self.suspect(lower[i], size[i])
            minima = values.min(axis=0) / volume[i]
            yield Sample(fine, difference, difference**2, np.abs(difference), np.abs(fine), axis, suspect, minima)


def judge_by(relative, absolute=0.0, spreads=2.0):
    """Every channel a response; the bar is |difference| and some of the spread."""

    def judge(totals):
        tolerance = np.maximum(relative * np.abs(totals.value), max(absolute, 1e-300))
        return Verdict(tolerance, bar_of(totals, spreads) / tolerance)

    return judge


def bar_of(totals, spreads=2.0):
    return np.abs(totals.difference) + spreads * totals.spread


def problem(functions, d, relative, start=4, group=ALONE, **options):
    """A problem in d dimensions, with its integrand: as `Problem`, with what it needs no more than that."""
    counts = np.array([start if axis < d else 1 for axis in range(3)])
    t = tiling(counts, *group)
    integrand = Analytic(tuple(functions), t, options.pop("suspect", None))
    limits = Limits(options.pop("max_evaluations", 10**7), options.pop("max_seconds", np.inf), options.pop("least_rounds", 3))
    defaults = {
        "integrand": integrand,
        "points": tensor_rule(integrand.flags).n_points,
        "judge": judge_by(relative, options.pop("absolute", 0.0)),
        "tiling": t,
        "limits": limits,
        "comm": SERIAL,
        "memory": 1e9,
    }
    return Problem(**(defaults | options))


def exact(functions, d):
    return np.array([MEANS[f](d) for f in functions])
