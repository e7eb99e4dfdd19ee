"""How a block depends on the frequency, in one place: for its density at one z, and for tables that serve many.

    sum_m N_nm K(1/eps_nm, z)/eps_nm^p,      N_nm = Re or Im of X_mn v^b_nm

X is the observable or a vertex made of it. N K/eps^p changes sign with n <-> m, so that the sum with f_n over all bands is one over
pairs with f_n - f_m: pairs that are both filled or both empty do not count, whatever z is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import to_power
from wannier_spin.responses.pairs import BandPairs, Real

Matrix = Literal["O", "injection_vertex", "shift_vertex"]
Kernel = Callable[[Real, Any], NDArray[np.complex128]]  # of w, and one z or an array of them


@dataclass(frozen=True)
class Transitions:
    """The numerator and the kernel of a block.

    matrix : attribute of `BandPairs`, X Hermitian: the observable (k,n,o,m), or a vertex (k,n,d,o,m). imaginary : which part of
    X_mn v^b_nm. power : p. kernel : K of w = 1/eps and z; no pole but at eps = z and -z, so that near them alone it is not smooth.
    parts : from the sums with Re K and with Im K (..., fields, o) to the block (..., part, fields, o).
    """

    matrix: Matrix
    imaginary: bool
    power: int
    kernel: Kernel
    parts: Callable[[Real, Real], Real]

    def density(self, p: BandPairs, z: complex) -> Real:
        """At one frequency, summed with f_n: (k,n,part,fields,o)."""
        kernel = p.kernel(lambda w: self.kernel(w, z) * to_power(w, self.power))
        return self.parts(self._trace(p, kernel.real), self._trace(p, kernel.imag))

    def _trace(self, p: BandPairs, kernel: Real) -> Real:
        if self.matrix == "O":
            return (p.im if self.imaginary else p.re)(kernel * p.v)
        return (p.im_of_velocity if self.imaginary else p.re_of_velocity)(getattr(p, self.matrix), kernel)
