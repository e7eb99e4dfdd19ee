"""A lattice model of one's own: a d-wave altermagnet, where all of the magnetic spin Hall effect is missing in print.

H = -2t (cos kx + cos ky) + J sin kx sin ky sz
"""

import numpy as np

import wannier_spin as ws

T, J, MU, KT = 1.0, 0.4, -2.5, 0.1
UP_DOWN, SZ = np.eye(2), np.diag([1, -1])

# (site, site, lattice vector): matrix between the spinors of the two sites; Hermitian conjugates are added.
hoppings = {
    (0, 0, (1, 0)): -T * UP_DOWN,
    (0, 0, (0, 1)): -T * UP_DOWN,
    (0, 0, (1, 1)): -J / 4 * SZ,
    (0, 0, (1, -1)): J / 4 * SZ,
}
sheet = {"lattice": np.eye(3), "sites": [[0, 0]], "periodic": (True, True, False)}
model = ws.models.from_hoppings(hoppings=hoppings, **sheet)

# Natural units: hbar = e = 1, energies as in the model, tau = 1. The shift keeps off the lines
# where the bands touch.
settings = {"grid": (160, 160, 1), "shift": (0.5, 0.5, 0), "mu": MU, "temperature": KT / ws.units.BOLTZMANN}
tensor = ws.compute(model, "magnetic_spin_hall", **settings)["magnetic_spin_hall"]
full = tensor.component("xy;z")[0][0, 0]
paper = tensor.at(form="paper").component("xy;z")[0][0, 0]
print(f"exact:   {full:.10f}")
print(f"printed: {abs(paper):.10f}")

# By hand: spins do not mix, so each carries tau sum_k v_x v_y (-f'), up minus down, with spin 1/2.
k = 2 * np.pi * (np.arange(160) + 0.5) / 160
kx, ky = np.meshgrid(k, k, indexing="ij")
by_hand = 0.0
for s in (1, -1):
    energy = -2 * T * (np.cos(kx) + np.cos(ky)) + s * J * np.sin(kx) * np.sin(ky)
    vx = 2 * T * np.sin(kx) + s * J * np.cos(kx) * np.sin(ky)
    vy = 2 * T * np.sin(ky) + s * J * np.sin(kx) * np.cos(ky)
    slope = -1 / (4 * KT * np.cosh((energy - MU) / (2 * KT)) ** 2)
    by_hand += s / 2 * (vx * vy * slope).mean()
print(f"by hand: {by_hand:.10f}")
