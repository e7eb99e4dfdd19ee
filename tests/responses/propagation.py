"""The density matrix of a lattice model in a homogeneous field, propagated in time: no perturbation theory, no energy denominators.

    d rho/dt = -i [H + E.r, rho] - (rho - rho_0)/tau,    r = i d_k + A(k),    rho_0 = f(H(k))

(docs/theory.md, section 1; electron charge -e, e = hbar = 1): every matrix element relaxes with 1/tau towards rho_0, which is the
relaxation model `constant`. The derivative in r goes away in the frame that moves with a(t) = int E dt: for
rho(q - a(t), t) at fixed q,

    d rho/dt = -i [H + E.A, rho] - (rho - rho_0)/tau       all matrices at q - a(t),

so that each q of a mesh is a small ordinary differential equation (Runge-Kutta, fourth order). Wannier basis, Bloch sums
without the centres in the phase (see brute.py): everything is periodic in k, and never diagonalized but for rho_0.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from responses import brute

OBSERVABLES = {"spin_current": 9, "spin": 3, "charge_current": 3}


@dataclass
class Lattice:
    """A model on a mesh of the Brillouin zone, at mu and kT. `points`: along each axis, odd along the periodic ones."""

    model: object
    points: tuple[int, int, int]
    mu: float
    kT: float

    @cached_property
    def k(self):
        axes = [np.arange(n) / n for n in self.points]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)

    @cached_property
    def R(self):
        """Cells of the Fourier series of rho_0 on the mesh; those of the model are among them."""
        axes = [np.arange(n) - n // 2 for n in self.points]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)

    @cached_property
    def phase(self):
        return np.exp(2j * np.pi * self.k @ self.R.T)

    @cached_property
    def series(self):
        """rho_0(R), H(R), A_a(R) side by side: (R, 5, n, n), or (R, 2, n, n) of a model without dipoles."""
        H, A = (brute.sums(self.model, X, self.k) for X in (self.model.hamiltonian_R, brute.connection_R(self.model)))
        e, U = np.linalg.eigh(H)
        rho = (U * brute.fermi(e, self.mu, self.kT)[:, None]) @ U.conj().swapaxes(1, 2)
        X = np.stack([rho, H, *(np.moveaxis(A, -1, 0) if A.any() else ())], axis=1)
        return np.einsum("kR,k...->R...", self.phase.conj(), X) / len(self.k)

    def shift(self, a):
        """Cartesian displacements (field, 3) in reduced coordinates."""
        return a @ self.model.lattice.T / (2 * np.pi)

    def at(self, a):
        """rho_0, H, A at k - a: (field, k, 5 or 2, n, n)."""
        turned = np.exp(-2j * np.pi * self.shift(a) @ self.R.T)
        n = self.model.n_bands
        series = turned[:, :, None] * self.series.reshape(len(self.R), -1)
        return (self.phase @ series).reshape(len(a), len(self.k), -1, n, n)

    def step(self, a, E, gamma):
        """The matrices of one moment: -i (H + E.A), and gamma rho_0."""
        X = self.at(a)
        K = X[:, :, 1] + sum(E[:, i, None, None, None] * X[:, :, 2 + i] for i in range(X.shape[2] - 2))
        return -1j * K, gamma * X[:, :, 0]

    def propagate(self, field, displacement, gamma, dt, read):
        """<O> of all observables at the steps `read`: (step, field, 15); rho_0 at t = 0. field(t), displacement(t): (field, 3)."""
        now = self.step(displacement(0.0), field(0.0), gamma)
        rho = now[1] / gamma
        found = {}

        def slope(moment, rho):
            product = moment[0] @ rho  # -i K rho, and its adjoint is i rho K
            return product + product.conj().swapaxes(-1, -2) + moment[1] - gamma * rho

        for i in range(read[-1]):
            half, end = (self.step(displacement(t), field(t), gamma) for t in ((i + 0.5) * dt, (i + 1) * dt))
            s1 = slope(now, rho)
            s2 = slope(half, rho + dt / 2 * s1)
            s3 = slope(half, rho + dt / 2 * s2)
            s4 = slope(end, rho + dt * s3)
            rho = rho + dt / 6 * (s1 + 2 * s2 + 2 * s3 + s4)
            now = end
            if i + 1 in read:
                found[i + 1] = self.means(displacement((i + 1) * dt), rho)
        return np.array([found[i] for i in read])

    def means(self, a, rho):
        """int_k Tr[O(k - a) rho]: (field, 15)."""
        k = (self.k - self.shift(a)[:, None]).reshape(-1, 3)
        *_, s, v = brute.wannier_gauge(self.model, k)
        current = [brute.anticommutator(v[a], s[c]) / 4 for a in range(3) for c in range(3)]
        O = np.stack([*current, *(s / 2), *v], axis=1)  # noqa: E741
        O = O.reshape(*rho.shape[:2], *O.shape[1:])  # noqa: E741
        return np.einsum("fkonm,fkmn->fo", O, rho).real / (len(self.k) * brute.cell_volume(self.model))

    def static(self, fields, gamma, dt, lifetimes):
        """After so many lifetimes in the fields (field, 3), exp(-lifetimes) off the steady state: (field, 15)."""
        steps = int(np.ceil(lifetimes / gamma / dt))
        return self.propagate(lambda t: fields, lambda t: fields * t, gamma, dt, (steps,))[0]

    def rectified(self, fields, omega, gamma, per_period, lifetimes):
        """Mean over the period after so many lifetimes in Re[E exp(-iwt)], complex E (field, 3): (field, 15)."""
        periods = int(np.ceil(lifetimes / gamma * omega / (2 * np.pi))) + 1
        dt = 2 * np.pi / omega / per_period
        last = range(per_period * (periods - 1) + 1, per_period * periods + 1)

        def turning(amplitude):
            return lambda t: (amplitude * np.exp(-1j * omega * t)).real

        return self.propagate(turning(fields), turning(1j * fields / omega), gamma, dt, last).mean(axis=0)

    def alternating(self, fields, omega, gamma, per_period, lifetimes):
        """Amplitude of fields cos(wt) in the period after so many lifetimes, R E as in Re[R E exp(-iwt)]: (field, 15)."""
        periods = int(np.ceil(lifetimes / gamma * omega / (2 * np.pi))) + 1
        dt = 2 * np.pi / omega / per_period
        last = range(per_period * (periods - 1) + 1, per_period * periods + 1)
        values = self.propagate(lambda t: fields * np.cos(omega * t), lambda t: fields * np.sin(omega * t) / omega, gamma, dt, last)
        weight = np.exp(2j * np.pi * np.array(last) / per_period)
        return 2 / per_period * np.einsum("t,t...->...", weight, values)
