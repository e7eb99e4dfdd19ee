"""Irreducible points of a mesh: they stand for all points, and for all of the nested half."""

from dataclasses import replace

import numpy as np
import pytest
from integrals.tolerance.test_spots import integral_of_sheet
from symmetry.structures import symmetric_models

import wannier_spin as ws
from wannier_spin.bloch import energies_at
from wannier_spin.integrals.algorithm import Execution
from wannier_spin.integrals.mesh import OnMesh, irreducible_mesh
from wannier_spin.integration.grid import Mesh
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.symmetry import magnetic_group


@pytest.mark.parametrize(("n", "shift", "fewer"), [(6, 0.0, True), (6, 0.5, False), (4, 0.25, False), (5, 0.0, True)])
@pytest.mark.parametrize("name", ["kane_mele 3m'", "rashba 4m'm'"])
def test_weights_add_up_to_the_mesh_and_to_its_half(name, n, shift, fewer):
    _, structure, _ = symmetric_models()[name]
    whole = Mesh((n, n, 1), (shift, shift, 0.0))
    reduced = irreducible_mesh(whole, magnetic_group(structure).point_operations)
    found = np.zeros(2 if whole.nested else 1)
    for batch in reduced.batches(10**6):
        found += [(batch.weights * mask).sum() for mask in batch.masks]
    half = (n // 2) ** 2
    assert found.tolist() == ([half, n * n - half] if whole.nested else [n * n])
    assert reduced.n_evaluated < n * n / 2 or not fewer


def test_a_large_mesh_is_dealt_in_longer_runs(monkeypatch):
    """After each run sums are added up with care, which takes its time."""
    totals = []
    for most in (1024, 4):
        monkeypatch.setattr("wannier_spin.integrals.mesh.MOST_RUNS", most)
        ws.compute(
            ws.models.rashba_exchange(),
            "spin_hall",
            grid=(20, 20, 1),
            mu=0.1,
            temperature=3000,
            progress=lambda _, n: totals.append(n),
        )
    assert 1 < totals[-1] < totals[0]


def test_what_hides_is_cut_out_where_it_lies() -> None:
    """Beside a point, where k.p theory has the smallest gap, and not on its other side."""
    given, asked = integral_of_sheet(1e-3), []
    found = OnMesh((16, 16, 1)).summed(given, Execution(1.0, SERIAL))

    def weigh(k: np.ndarray) -> np.ndarray:
        asked.append(k)
        return np.ones(len(k))

    replace(found.how, weigh=weigh).mean(found.mesh, 1000, Execution(1.0, SERIAL))
    at_points, at_gaps = (np.concatenate(asked[i::2]) for i in (0, 1))
    assert len(at_points) == 16 * 16 and len(at_gaps) == 3 * len(at_points)  # of each pair of bands that follow one another
    points, beside = (
        np.diff(energies_at(given.model, k), axis=1)[:, 1] for k in (at_points, at_gaps[1::3])
    )  # those that nearly touch
    near = np.argsort(points)[:3]
    assert points[near].max() < 0.5 * np.median(points)
    assert (beside[near] < 0.3 * points[near]).all()
