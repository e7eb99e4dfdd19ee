"""Many materials by a script: the same few numbers for each, one failing does not stop the others."""

import csv
import sys
from pathlib import Path

import wannier_spin as ws

EXAMPLES = Path(__file__).resolve().parents[3] / "example_inputs"
MATERIALS = {  # folder: (Fermi energy in eV, moments)
    "Pt": (22.4839, None),
    "GaAs": (9.13, None),
    "Fe": (17.6048, [(0, 0, 2.2)]),
    "not there": (0.0, None),
}


def spin_hall(name: str, fermi: float, moments: list[tuple[float, ...]] | None) -> tuple[str, ...]:
    """Largest spin Hall conductivity in (hbar/e) S/cm, its error, and the magnetic group."""
    saved = EXAMPLES / name / f"{name}.model.h5"
    model = ws.load_model(saved) if saved.exists() else ws.read_wannier90(EXAMPLES / name / name)
    structure = ws.read_structure(EXAMPLES / name / f"{name}.win", moments)
    settings = {"grid": (12, 12, 12), "mu": fermi, "temperature": 600, "units": "SI"}
    result = ws.compute(model, "spin_hall", symmetry=structure, **settings)
    tensor = result["spin_hall"]
    where = abs(tensor.values[0, 0]).argmax()
    value, error = tensor.values[0, 0].flat[where], tensor.error[0, 0].flat[where]
    return f"{abs(value) / 100:.0f}", f"{error / 100:.0f}", result.provenance["symmetry"]["bns_number"]


table = csv.writer(sys.stdout, lineterminator="\n")
table.writerow(["material", "spin_hall", "error", "group"])
for name, (fermi, moments) in MATERIALS.items():
    try:
        table.writerow([name, *spin_hall(name, fermi, moments)])
    except ws.InputError as error:
        table.writerow([name, "failed", str(error).partition(" or ")[0].replace(f"{EXAMPLES}/", "")])
