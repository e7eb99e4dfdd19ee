"""Models on both sides: Pt of the repository always, other materials where WANNIER_SPIN_MATERIALS names their folder."""

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cross_code.berri import WS_TOLERANCE, Both, model_of, scramble, system_from_files


def unpack(source: Path, target: Path) -> Path:
    """Copy the files that wannierberri reads, with .mmn.gz unpacked; returns the seed."""
    seed = source.name
    for ending in (".chk", ".eig", ".spn"):
        (target / f"{seed}{ending}").symlink_to((source / f"{seed}{ending}").resolve())
    with gzip.open(source / f"{seed}.mmn.gz") as packed, open(target / f"{seed}.mmn", "wb") as plain:
        shutil.copyfileobj(packed, plain)
    return target / seed


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory, example_inputs: Path) -> Callable[[str], Path]:
    """Material -> seed of its unpacked files; skips where the material is not there."""
    found: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in found:
            source = example_inputs / name
            if name != "Pt":
                materials = os.environ.get("WANNIER_SPIN_MATERIALS")
                if not materials:
                    pytest.skip("WANNIER_SPIN_MATERIALS is not set")
                source = Path(materials) / name
                if not source.is_dir():
                    pytest.skip(f"{source} is not there")
            found[name] = unpack(source, tmp_path_factory.mktemp(name))
        return found[name]

    return get


@pytest.fixture(scope="session")
def material(seeds: Callable[[str], Path]) -> Callable[[str], Both]:
    """Material -> the same model on both sides."""
    made: dict[str, Both] = {}

    def get(name: str) -> Both:
        if name not in made:
            system = system_from_files(seeds(name), WS_TOLERANCE)
            made[name] = Both(model_of(system, name), system)
        return made[name]

    return get


@pytest.fixture(scope="session")
def asymmetric(seeds: Callable[[str], Path]) -> Both:
    """Pt with random matrices added to H, r and the spin: every component of every tensor is nonzero."""
    system = scramble(system_from_files(seeds("Pt"), WS_TOLERANCE), strength=1.0, seed=7)
    return Both(model_of(system, "scrambled Pt"), system)
