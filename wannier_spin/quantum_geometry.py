"""Spin and Zeeman quantum geometric tensors, their metrics, curvatures and dipoles, as functions of a BandGeometry.

    spin QGT     T^{ab;c}_nm  = v^{a;c}_nm v^b_mn / eps_nm^2     = g - (i/2) Omega        a flow, b field, c spin
    Zeeman QGT   Tbar^{ab}_nm = r^a_nm sigma^b_mn                = gbar - (i/2) Obar      a position, b spin (sigma, not sigma/2)

with r_nm = -i v_nm/eps_nm (arXiv:2406.02257v3, docs/theory.md section 1). Elements inside a degenerate group vanish; traces over
pairs of groups do not depend on the choice of states inside them, single elements do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import pairs
from wannier_spin.geometry import BandGeometry

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]


def position(g: BandGeometry) -> Complex:
    """Interband position r^a_nm = -i v^a_nm/eps_nm, angstrom: (k,a,n,m)."""
    return g.position


def spin_qgt(g: BandGeometry) -> Complex:
    """T^{ab;c}_nm = v^{a;c}_nm v^b_mn/eps_nm^2, angstrom^2: (k,a,b,c,n,m)."""
    return pairs(g.spin_current, g.velocity, g.inverse_gap**2)


def zeeman_qgt(g: BandGeometry) -> Complex:
    """Tbar^{ab}_nm = r^a_nm sigma^b_mn, angstrom: (k,a,b,n,m)."""
    return pairs(g.position, g.spin_matrices)


def metric(qgt: Complex) -> Real:
    """Quantum metric g, the real part of a quantum geometric tensor: (...)."""
    return np.ascontiguousarray(qgt.real)


def curvature(qgt: Complex) -> Real:
    """Berry curvature Omega = -2 Im of a quantum geometric tensor: (...)."""
    return -2 * qgt.imag


def dipole(g: BandGeometry, geometric: Real) -> Real:
    """Dipole density v^d_N X_nm of a metric or curvature X (k,...,n,m): (k,...,d,n,m).

    Summed with f'_n it is the dipole int_k X d_d f, which governs the second-order responses (docs/theory.md, section 5).
    """
    v = g.group_velocity.reshape(len(geometric), *(1,) * (geometric.ndim - 3), 3, -1, 1)
    return np.asarray(v * geometric[..., None, :, :])
