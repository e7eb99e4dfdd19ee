"""Spin Hall conductivity of platinum, from Wannier90's files to a number with an error bar."""

from pathlib import Path

import wannier_spin as ws

FOLDER = Path(__file__).resolve().parents[3] / "example_inputs" / "Pt"

model = ws.read_wannier90(FOLDER / "Pt")  # Pt.chk, Pt.eig, Pt.mmn.gz, Pt.spn
structure = ws.read_structure(FOLDER / "Pt.win")
settings = {"mu": 22.4839, "temperature": 300, "units": "SI", "symmetry": structure}


def line(result: ws.ResultSet) -> str:
    """sigma_xy;z in (hbar/e) S/cm; the unit of the result is (hbar/e) S/m."""
    values, errors = result["spin_hall"].component("xy;z")
    points = result.provenance["k_points_evaluated"]
    return f"{values[0, 0] / 100:6.0f} +- {errors[0, 0] / 100:.0f}, {points} k-points"


# Uniform meshes: double the mesh until the number stands, and its bar is as small as you need.
for n in (12, 24, 48):
    print(f"{n}^3 mesh: ", line(ws.compute(model, "spin_hall", grid=(n, n, n), **settings)))

# Or say how accurate it has to be: meshes become denser, or k-points go where they are needed.
result = ws.compute(model, "spin_hall", tolerance=0.02, **settings)
print("tolerance:", line(result), "- converged" if result["spin_hall"].converged else "- not converged")

# What symmetry says: one independent component.
print("independent:", result.provenance["symmetry"]["independent"]["spin_hall"])
print("form:       ", result.provenance["symmetry"]["forms"]["spin_hall"])
