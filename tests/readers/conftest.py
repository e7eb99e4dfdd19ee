"""Fixtures of the reader tests: models of the example materials, and copies of Pt that a test may damage."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wannier_spin.model import TightBindingModel, load_model
from wannier_spin.readers import read_wannier90
from wannier_spin.readers.files import find_file

FERMI_ENERGIES = {"Pt": 22.4839, "GaAs": 9.13, "Fe": 17.6048, "Mn2Au": 16.5032}


@pytest.fixture(scope="session")
def seed_with(example_inputs: Path) -> Callable[..., Path]:
    """seed_with("GaAs", ".chk", ".mmn"): a seed that has these files, here or in $WANNIER_SPIN_MATERIALS, or skip."""
    folders = [example_inputs, *map(Path, filter(None, [os.environ.get("WANNIER_SPIN_MATERIALS")]))]

    def find(material: str, *suffixes: str) -> Path:
        for folder in folders:
            seed = folder / material / material
            if all(find_file(seed, suffix) for suffix in suffixes):
                return seed
        pytest.skip(f"no {material} with {', '.join(suffixes)}; set WANNIER_SPIN_MATERIALS to the folder of materials")

    return find


@pytest.fixture(scope="session")
def models(seed_with: Callable[..., Path], example_inputs: Path) -> Callable[[str], TightBindingModel]:
    """Model of a material, read once: by the chk route where its files are, else a saved model."""
    cache: dict[str, TightBindingModel] = {}

    def get(material: str) -> TightBindingModel:
        if material not in cache:
            saved = sorted((example_inputs / material).glob("*.h5"))
            if saved and not find_file(example_inputs / material / material, ".chk"):
                cache[material] = load_model(saved[0])
            else:
                cache[material] = read_wannier90(seed_with(material, ".chk", ".eig", ".mmn", ".spn"))
        return cache[material]

    return get


@pytest.fixture
def pt(seed_with: Callable[..., Path], tmp_path: Path) -> Path:
    """Seed of Pt in a folder of its own: links to the files, which a test replaces one by one (`unlink` first)."""
    source = seed_with("Pt", ".chk", ".eig", ".mmn", ".spn", ".win")
    for suffix in (".chk", ".eig", ".mmn", ".spn", ".win"):
        path = find_file(source, suffix)
        assert path is not None
        (tmp_path / path.name).symlink_to(path.resolve())
    return tmp_path / "Pt"


@pytest.fixture(scope="session")
def bloch() -> Callable[[NDArray[np.complex128], NDArray[np.int64], NDArray[np.float64]], NDArray[np.complex128]]:
    """sum_R exp(2 pi i k.R) O(R), one k at a time: independent of the package's own sums."""

    def total(operator: NDArray[np.complex128], R_vectors: NDArray[np.int64], k: NDArray[np.float64]) -> NDArray[np.complex128]:
        phases = [np.exp(2j * np.pi * (R_vectors @ point)) for point in k]
        return np.array([sum(p * O for p, O in zip(phase, operator, strict=True)) for phase in phases])

    return total


@pytest.fixture(scope="session")
def off_mesh() -> NDArray[np.float64]:
    """k-points between the points of the meshes: on the axes, on (0, y, y), and random; (24, 3)."""
    k = np.random.default_rng(7).uniform(-0.5, 0.5, (24, 3))
    k[:8, 1:] = 0.0
    k[8:12, 2] = k[8:12, 1]
    return k
