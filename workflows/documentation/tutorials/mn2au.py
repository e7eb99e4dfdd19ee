"""An antiferromagnet with P*T: Kramers pairs without P or T, and what is left of the nonlinear responses."""

from pathlib import Path

import numpy as np

import wannier_spin as ws

FOLDER = Path(__file__).resolve().parents[3] / "example_inputs" / "Mn2Au"
MOMENTS = [(2.4975, 2.4975, 0), (-2.4975, -2.4975, 0), (0, 0, 0)]  # Mn, Mn, Au

model = ws.load_model(FOLDER / "Mn2Au.model.h5")
structure = ws.read_structure(FOLDER / "Mn2Au.win", MOMENTS)

# P*T makes every band twofold: pairs are split by the interpolation only, by less than the
# degeneracy tolerance of 0.5 meV.
geometry = ws.band_geometry(model, [[0.11, 0.23, 0.37]])
pairs = geometry.energies.reshape(-1, 2)
splitting = 1e3 * np.ptp(pairs, axis=1).max()
print(f"splitting of the pairs: {splitting:.1g} meV; blocks of two bands: {geometry.group.max() + 1}")

every = [name for name in ws.responses.names() if not ws.responses.get(name).dynamic]
# The mesh is for symmetry only. Numbers take more: within tolerance=0.1 at 300 K spin_hall 5,300 k-points.
settings = {"grid": (4, 4, 4), "mu": 16.5032, "temperature": 600, "tau": 10, "units": "SI"}
result = ws.compute(model, every, symmetry=structure, **settings)
for name, form in result.provenance["symmetry"]["independent"].items():
    n, there = len(form.split()), bool(np.abs(result[name].values).max() > 0)
    print(f"{name}: {n} independent components" if there else f"{name}: exactly zero")

# Without the moments the group is wrong, and refused: it would remove what is there.
try:
    ws.compute(model, "spin_hall", symmetry=ws.read_structure(FOLDER / "Mn2Au.win"), **settings)
except ws.InputError as error:
    print("refused:", str(error).partition(" of the structure")[0])
