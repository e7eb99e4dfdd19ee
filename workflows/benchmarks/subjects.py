"""The models that are measured: two crystals of `example_inputs`, and random ones of 100 and 200 functions."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rows import Subject

import wannier_spin as ws
from wannier_spin.berri import to_system_R

EXAMPLES = Path(__file__).resolve().parents[2] / "example_inputs"


def platinum() -> Subject:
    """18 functions, with the matrices of every spin current."""
    seed = EXAMPLES / "Pt" / "Pt"
    model = ws.read_wannier90(seed, spin_current=["simple", "ryoo"])
    meshes = ((12, 24), (16, 20), (36, 72))
    return Subject("Pt", model, 22.4839, meshes, ws.read_structure(seed.with_suffix(".win")), to_system_R(model))


def mn2au() -> Subject:
    """54 functions."""
    materials = os.environ.get("WANNIER_SPIN_MATERIALS")
    if materials and (Path(materials) / "Mn2Au").is_dir():
        model = ws.read_wannier90(Path(materials) / "Mn2Au" / "Mn2Au", spin_current=["simple", "ryoo"])
    else:
        model = ws.load_model(EXAMPLES / "Mn2Au" / "Mn2Au.model.h5")
    moments = [(2.4975, 2.4975, 0), (-2.4975, -2.4975, 0), (0, 0, 0)]
    structure = ws.read_structure(EXAMPLES / "Mn2Au" / "Mn2Au.win", moments)
    return Subject("Mn2Au", model, 16.5032, ((4, 8), (3, 6), (8, 16)), structure, to_system_R(model))


def random(n: int) -> Subject:
    """No symmetry, 27 R vectors, H scaled so that bands are some 10 eV wide."""
    model = ws.models.random_model(n=n, seed=1)
    meshes = ((2, 5), (2, 3), (2, 3)) if n <= 100 else ((2, 3), (1, 2), (2, 3))
    return Subject(f"random-{n}", model, 0.0, meshes, None, to_system_R(model))


SUBJECTS: dict[str, Callable[[], Subject]] = {
    "Pt": platinum,
    "Mn2Au": mn2au,
    "random-100": partial(random, 100),
    "random-200": partial(random, 200),
}
