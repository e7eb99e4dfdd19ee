"""A ferromagnet: the magnetic group of iron, responses that are odd under time reversal, and another tau."""

import warnings
from pathlib import Path

import wannier_spin as ws

FOLDER = Path(__file__).resolve().parents[3] / "example_inputs" / "Fe"

model = ws.load_model(FOLDER / "Fe.model.h5")  # a model that was read once and saved: model.save(...)
structure = ws.read_structure(FOLDER / "Fe.win", [(0, 0, 2.2)])  # moments in Bohr magnetons, Cartesian

settings = {"mu": 17.6048, "temperature": 600, "tau": 10, "units": "SI", "symmetry": structure}
names = ["magnetic_spin_hall", "edelstein"]
result = ws.compute(model, names, tolerance=0.1, **settings)

group = result.provenance["symmetry"]
residual = 1e3 * group["band_residual_eV"]
print(f"magnetic group {group['bns_number']}, {group['operations']} operations, kept to {residual:.2g} meV")
for name in names:
    print(f"{name}: {group['independent'][name] or 'forbidden'}")

# The T-odd current of up minus down, along the field: smooth at 600 K, and converged.
current = result["magnetic_spin_hall"]
values, errors = current.component("xx;z")
points = result.provenance["k_points_evaluated"]
said = "converged" if current.converged else "not converged"
print(f"magnetic_spin_hall xx;z: {values[0, 0]:.4g} +- {errors[0, 0]:.1g} {current.unit}, {points} k-points, {said}")

# tau is arithmetic on a finished result: five times tau, five times (4).
print(f"tau = 50 fs against 10 fs: {abs(current.at(tau=50).values).max() / abs(current.values).max():.6g}")

# What the printed (4) leaves out, the direct term, is stored as well.
printed = current.at(form="paper").component("xx;z")[0][0, 0]
print(f"as printed: {printed:.4g}")

# The moment along z leaves three independent spin Hall conductivities. Small gaps at the Fermi energy keep them open for long.
for n in (16, 34):
    spin_hall = ws.compute(model, "spin_hall", grid=(n, n, n), **settings)["spin_hall"]
    values, errors = spin_hall.component("zx;y")
    print(f"spin_hall zx;y, {n}^3: {values[0, 0]:.1e}, bar {errors[0, 0]:.0e}")

# The second order has powers of 1/gap up to the fourth, and two bands of iron come within a few meV at the Fermi energy: what a
# mesh gives is what its points happen to hit. The bars say so, and so does a warning, which comes with each result.
name = "nonlinear_intrinsic_spin_magnetization"
for n in (8, 12, 16):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ws.errors.AccuracyWarning)
        found = ws.compute(model, name, grid=(n, n, n), **settings)
    values, errors = found[name].component("zxx")
    gap = 1e3 * found.provenance["smallest_gap_at_fermi_level_eV"][0]
    print(f"{name} zxx, {n}^3: {values[0, 0]:.1e}, bar {errors[0, 0]:.0e}; smallest gap {gap:.1f} meV")

# With a broadening of gaps one asks for less: what do the pairs of bands contribute that are farther apart? That has an answer,
# -1.66(29)e7 on 66^3, not run here.
for n in (16, 32):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ws.errors.AccuracyWarning)
        found = ws.compute(model, name, grid=(n, n, n), gap_broadening=0.5, **settings)
    values, errors = found[name].component("zxx")
    print(f"{name} zxx, {n}^3, gaps broadened by 0.5 eV: {values[0, 0]:.2e}, bar {errors[0, 0]:.1e}")
