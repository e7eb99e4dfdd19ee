"""A ferromagnet: the magnetic group of iron, responses that are odd under time reversal, and another tau."""

import warnings
from pathlib import Path

import wannier_spin as ws

FOLDER = Path(__file__).resolve().parents[3] / "example_inputs" / "Fe"

model = ws.load_model(FOLDER / "Fe.model.h5")  # a model that was read once and saved: model.save(...)
structure = ws.read_structure(FOLDER / "Fe.win", [(0, 0, 2.2)])  # moments in Bohr magnetons, Cartesian

names = ["spin_hall", "magnetic_spin_hall", "edelstein", "nonlinear_drude_spin_magnetization"]
settings = {"grid": (16, 16, 16), "mu": 17.6048, "temperature": 600, "tau": 10, "units": "SI"}
result = ws.compute(model, names, symmetry=structure, **settings)

group = result.provenance["symmetry"]
residual = 1e3 * group["band_residual_eV"]
print(f"magnetic group {group['bns_number']}, {group['operations']} operations, kept to {residual:.2g} meV")
for name in names:
    print(f"{name}: {group['independent'][name] or 'forbidden'}")

# The moment along z leaves three independent spin Hall conductivities, and the T-odd current of up minus down.
for name, component in (("spin_hall", "xy;z"), ("spin_hall", "zx;y"), ("magnetic_spin_hall", "xx;z")):
    values, errors = result[name].component(component)
    print(f"{name} {component}: {values[0, 0]:.4g} +- {errors[0, 0]:.1g} {result[name].unit}")

# tau is arithmetic on a finished result: five times tau, five times (4) and 25 times (10).
for name in ("magnetic_spin_hall", "nonlinear_drude_spin_magnetization"):
    ratio = abs(result[name].at(tau=50).values).max() / abs(result[name].values).max()
    print(f"{name}, tau = 50 fs against 10 fs: {ratio:.6g}")

# What the printed (4) leaves out, the direct term, is stored as well.
printed = result["magnetic_spin_hall"].at(form="paper").component("xx;z")[0][0, 0]
print(f"magnetic_spin_hall xx;z as printed: {printed:.4g}")

# The second order has powers of 1/gap up to the fourth, and two bands of iron come within a few meV at the Fermi energy: what a
# mesh gives is what its points happen to hit. The bars say so, and so does a warning, which comes with each result.
name = "nonlinear_intrinsic_spin_magnetization"
for n in (8, 12, 16):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ws.errors.AccuracyWarning)
        found = ws.compute(model, name, symmetry=structure, **{**settings, "grid": (n, n, n)})
    values, errors = found[name].component("zxx")
    gap = 1e3 * found.provenance["smallest_gap_at_fermi_level_eV"][0]
    print(f"{name} zxx, {n}^3: {values[0, 0]:.1e}, bar {errors[0, 0]:.0e}; smallest gap {gap:.1f} meV")
