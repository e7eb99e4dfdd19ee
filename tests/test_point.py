"""One point of a scan: its words, its combination of blocks, and how partners weigh what a band has."""

from typing import Any

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.analysis.point import Point, point_of
from wannier_spin.errors import InputError

AT: dict[str, Any] = {"mu": 0.3, "temperature": 3000.0}
RANDOM = ws.models.get("random_model")


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("spin_hall", {"tau": 3.0}, "T = 3000 K, form full"),
        ("spin_hall", {"channel": "charge"}, "T = 3000 K, form full, charge channel"),
        ("edelstein", {"tau": 3.0, "form": "paper"}, "T = 3000 K, tau = 3 hbar/eV, form paper"),
        ("edelstein", {"combination": {"L1surf": 1}}, "T = 3000 K, tau = 1 hbar/eV, blocks L1surf"),
        ("nonlinear_intrinsic_spin_magnetization", {"relaxation": "gao"}, "T = 3000 K, form full (gao)"),
        ("nonlinear_intrinsic_spin_magnetization", {"form": "paper"}, "T = 3000 K, form paper"),
        (
            "nonlinear_extrinsic_spin_magnetization",
            {"units": "SI", "tau": 20.0, "gap_broadening": 0.01},
            "T = 3000 K, tau = 20 fs, form full (adiabatic), gaps broadened by 0.01 eV",
        ),
        (
            "ac_spin_magnetization",
            {"omega": 0.4, "broadening": 0.1, "part": "sin", "tau": 2.0},
            "T = 3000 K, omega = 0.4 eV, sin, tau = 2 hbar/eV, form full",
        ),
    ],
)
def test_setting_in_words(name: str, more: dict[str, Any], expected: str) -> None:
    law = ws.responses.get(name).channel_tensor(more.get("channel", "spin"))
    component = "xyzx"[: law.rank]
    assert point_of(RANDOM, name, component, **AT, **more).setting == expected


def test_combination_has_blocks_of_its_own() -> None:
    """What no form has is computed besides; the sums of channels give it alone."""
    surface = point_of(RANDOM, "edelstein", "xy", **AT, combination={"L1surf": 2.0})
    plain = point_of(RANDOM, "edelstein", "xy", **AT)
    assert "L1surf" in surface.prepared.plan.shapes
    assert "L1surf" not in plain.prepared.plan.shapes
    rows = np.random.default_rng(2).normal(size=(3, surface.prepared.plan.n_channels))
    volume = abs(np.linalg.det(RANDOM.lattice))
    block = rows[:, surface.prepared.plan.places["L1surf"]].reshape(3, 3, 3)  # field, component
    assert np.abs(block[:, 1, 0]).min() > 1e-2
    assert surface.values(rows) == pytest.approx(2 * block[:, 1, 0] / volume, rel=1e-12, abs=0)


def test_blocks_of_light_are_no_further_blocks() -> None:
    """They are the response's already, and are not asked for besides."""
    field: dict[str, Any] = {"omega": 0.4, "broadening": 0.1}
    point = point_of(RANDOM, "ac_spin_magnetization", "xy", **AT, **field, combination={"AC1": 1.0})
    assert point.prepared.request.blocks == ()


@pytest.mark.parametrize(("name", "part", "expected"), [("edelstein", "cos", "none: it is static"), ("ac", "real", "cos or sin")])
def test_what_is_no_part(name: str, part: str, expected: str) -> None:
    whole = {"ac": "ac_spin_magnetization"}.get(name, name)
    field: dict[str, Any] = {"omega": 0.4, "broadening": 0.1} if name == "ac" else {}
    with pytest.raises(InputError, match=f"part = '{part}' of '{whole}', expected {expected}"):
        point_of(RANDOM, whole, "xy", part=part, **AT, **field)


def geometry(point: Point) -> Any:
    return point.geometry(point.source.at_points(np.array([[0.1, 0.23, 0.4], [0.4, 0.2, 0.1]])))


def test_terms_weigh_partners() -> None:
    """Bit by bit: partners of weight w and 1 - w give together what partners of weight 1 do, and less than all of it each."""
    point = point_of(RANDOM, "spin_hall", "xyz", mu=0.3, temperature=1e4)
    g = geometry(point)
    weight = np.array([0.7, 0.2, 0.1, 0.4]) * np.ones((2, 1))
    whole, some, others = point.terms(g), point.terms(g, weight), point.terms(g, 1 - weight)
    size = np.abs(whole).max()
    assert size > 1e-3
    assert np.abs(some).max() > 1e-2 * size < np.abs(others).max()
    assert np.abs(some + others - whole).max() < 1e-12 * size
    f = 1 / (1 + np.exp((g.energies - AT["mu"]) / (ws.units.BOLTZMANN * 1e4)))
    alone = np.stack([point.terms(g, np.eye(4)[[m, m]]) for m in range(4)], axis=2)  # (k,n,m,channels)
    ratio = (f * (1 - f[:, [1]]))[:, 0] / (f[:, [1]] * (1 - f[:, [0]]))[:, 0]
    assert np.abs(alone[:, 0, 1] + ratio[:, None] * alone[:, 1, 0]).max() < 1e-12 * size
    assert np.abs(alone[:, 0, 1]).max() > 1e-4 * size
    assert np.abs(ratio - 1).min() > 0.1
