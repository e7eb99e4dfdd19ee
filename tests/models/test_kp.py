"""k·p models of any dimension and order against closed forms, and texts that are read and refused."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.continuum import Ball, Box
from wannier_spin.errors import InputError
from wannier_spin.models.hoppings import PAULI
from wannier_spin.models.kp import _distance
from wannier_spin.models.polynomial import parse_hamiltonian

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
V, D = 0.8, 0.04
BHZ = "v*(kx*tx*sz + ky*ty) + D*tz"  # conserves sz
COLD = {"temperature": 0, "tolerance": 1e-3}


def along_field(model: ws.KPModel, mu: float) -> tuple[np.ndarray, np.ndarray]:
    """(5): the sea form less that at mu = 0, where no line or sphere is; and its error bar."""
    found = ws.compute(model, "edelstein", mu=[0, mu], temperature=0, tolerance=2e-4)["edelstein"]
    return found.values[1, 0] - found.values[0, 0], found.error[:, 0].sum(axis=0)


@pytest.mark.parametrize(
    ("text", "dimension", "mu", "exact"),
    [
        ("v*kx*sx + D*sz", 1, 0.07, -np.sqrt(0.07**2 - D**2) / (2 * np.pi * 0.07)),
        ("v*(kx*sx + ky*sy) + D*sz", 2, 0.07, -(0.07**2 - D**2) / (8 * np.pi * V * 0.07)),
        pytest.param("v*(kx*sx + ky*sy + kz*sz)", 3, 0.07, -(0.07**2) / (12 * np.pi**2 * V**2), marks=pytest.mark.slow),
    ],
)
def test_edelstein_effect_of_a_cone_in_every_dimension(text: str, dimension: int, mu: float, exact: float) -> None:
    model = ws.kp_model(text, parameters={"v": V, "D": D}, dimension=dimension, cutoff=0.3)
    values, error = along_field(model, mu)
    assert abs(exact) > 1e-5
    for axis in range(dimension):
        assert values[axis, axis] == pytest.approx(exact, abs=max(3 * error[axis, axis], 1e-9 * abs(exact)))
        assert error[axis, axis] < 2e-2 * abs(exact)


def test_spin_hall_effect_of_a_disk_and_of_a_ball() -> None:
    """In the gap: |D| <-> the part of half a quantum of both spins that lies inside the cut-off."""
    cutoff, gap = 0.5, V * 0.5
    edge = np.hypot(gap, D)
    disk = 1 / (4 * np.pi) * (1 - D / edge)
    ball = 1 / (8 * np.pi**2) * (2 * cutoff - 2 * D / V * np.arcsin(gap / edge))
    for dimension, exact in ((2, disk), (3, ball)):
        model = ws.kp_model(BHZ, parameters={"v": V, "D": D}, dimension=dimension, cutoff=cutoff)
        found = ws.compute(model, "spin_hall", mu=0.0, **COLD)["spin_hall"]
        value, error = found.values[0, 0], found.error[0, 0]
        assert exact > 5e-3
        assert abs(value[0, 1, 2]) == pytest.approx(exact, abs=3 * error[0, 1, 2] + 1e-8)
        assert value[1, 0, 2] == pytest.approx(-value[0, 1, 2], abs=3 * error[0, 1, 2] + 1e-8)
        assert error[0, 1, 2] < 2e-3 * exact


def test_a_box_of_three_dimensions_is_a_stack_of_planes() -> None:
    """Without dispersion along z a box gives its height over 2 pi times the rectangle of the plane."""
    corners = ((-0.2, -0.3), (0.25, 0.3))
    plane = ws.kp_model(BHZ, parameters={"v": V, "D": D}, dimension=2, box=corners)
    solid = ws.kp_model(BHZ, parameters={"v": V, "D": D}, dimension=3, box=((*corners[0], -0.1), (*corners[1], 0.4)))
    flat, thick = (ws.compute(model, "spin_hall", mu=0.05, temperature=0, tolerance=5e-3)["spin_hall"] for model in (plane, solid))
    assert np.abs(flat.values).max() > 1e-2
    bar = 3 * (flat.error * 0.5 / (2 * np.pi) + thick.error) + 1e-9
    assert (np.abs(thick.values - 0.5 / (2 * np.pi) * flat.values) < bar).all()


def test_within_a_tolerance_as_along_rays() -> None:
    """The model of the paper's figure 1(b), cold, on the infinite disk: (14)."""
    model, mu = ws.models.massive_dirac(v=1.0, gap=D), 0.06
    found = ws.compute(model, "nonlinear_intrinsic_spin_magnetization", mu=mu, form="paper", temperature=0, tolerance=5e-3)
    tensor = found["nonlinear_intrinsic_spin_magnetization"]
    exact = D * (25 * mu**2 - 21 * D**2) / (960 * np.pi * mu**5)
    assert tensor.values[0, 0, 2, 0, 0] == pytest.approx(exact, abs=3 * tensor.error[0, 0, 2, 0, 0] + 1e-9 * exact)
    assert tensor.error[0, 0, 2, 0, 0] < 3e-3 * exact
    assert tensor.converged


def warped(k: np.ndarray) -> np.ndarray:
    """A topological surface with hexagonal warping."""
    kx, ky = k[:, 0], k[:, 1]
    coefficients = np.stack([-V * ky, V * kx, 60 * kx * (kx**2 - 3 * ky**2)], axis=1)
    return np.asarray(np.tensordot(coefficients, PAULI, 1) + 8 * (kx**2 + ky**2)[:, None, None] * np.eye(2))


def test_a_function_and_its_polynomial_are_the_same() -> None:
    text = "v*(kx*sy - ky*sx) + w*kx*(kx^2 - 3*ky**2)*sz + 8*k2"
    polynomial = ws.kp_model(text, parameters={"v": V, "w": 60}, dimension=2, cutoff=0.2)
    function = ws.kp_model(warped, dimension=2, cutoff=0.2)
    k = np.random.default_rng(0).uniform(-0.2, 0.2, (20, 3)) * (1, 1, 0)
    for X, Y in zip(polynomial.series(k), function.series(k), strict=True):
        assert np.abs(X).max() > 0.1
        np.testing.assert_allclose(X, Y, atol=1e-11 * np.abs(X).max())
    assert "relative error" in function.source["derivatives"]
    values = [
        ws.compute(m, "edelstein", mu=0.1, temperature=300, tolerance=1e-2)["edelstein"].values for m in (polynomial, function)
    ]
    np.testing.assert_allclose(*values, atol=1e-8 * np.abs(values[0]).max())


def test_functions_of_any_smooth_kind_and_their_own_derivatives() -> None:
    def lattice(k: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(k[:, 0])[:, None, None] * PAULI[0] + np.cos(k[:, 2])[:, None, None] * PAULI[2])

    def gradient(k: np.ndarray) -> np.ndarray:
        found = np.zeros((len(k), 3, 2, 2), complex)
        found[:, 0], found[:, 2] = np.cos(k[:, 0])[:, None, None] * PAULI[0], -np.sin(k[:, 2])[:, None, None] * PAULI[2]
        return found

    def hessian(k: np.ndarray) -> np.ndarray:
        found = np.zeros((len(k), 3, 3, 2, 2), complex)
        found[:, 0, 0], found[:, 2, 2] = -np.sin(k[:, 0])[:, None, None] * PAULI[0], -np.cos(k[:, 2])[:, None, None] * PAULI[2]
        return found

    region = {"dimension": 3, "box": ((-1, -1, -1), (2, 1, 1))}
    found, exact = ws.kp_model(lattice, **region), ws.kp_model(lattice, derivatives=(gradient, hessian), **region)
    for X, Y in zip(found.series(found.samples()), exact.series(found.samples()), strict=True):
        np.testing.assert_allclose(X, Y, atol=1e-9)
    with pytest.raises(InputError, match="differ from those of H"):
        ws.kp_model(lattice, derivatives=(lambda k: 2 * gradient(k), hessian), **region)


@pytest.mark.parametrize(
    "region", [Box((-1.0, 0.5), (2.0, 1.0)), Ball(1, 2.0), Ball(2, 0.7), Ball(3, 0.7), *(Ball(d, np.inf, 0.3) for d in (1, 2, 3))]
)
def test_regions_have_the_measure_of_their_map(region: Box | Ball) -> None:
    d = region.dimension
    x = np.random.default_rng(1).uniform(0.1, 0.9, (6, 3)) * (np.arange(3) < d)
    k, tangents, measure = region.place(x)
    for i in range(d):
        step = 1e-6 * np.eye(3)[i]
        difference = (region.place(x + step)[0] - region.place(x - step)[0]) / 2e-6
        np.testing.assert_allclose(tangents[:, i], difference, rtol=1e-6, atol=1e-7 * np.abs(tangents).max())
    np.testing.assert_allclose(measure, np.abs(np.linalg.det(tangents[:, :d, :d])), rtol=1e-9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("__import__('os').system('true')", "expected a polynomial"),
        ("kx.real*sx", "expected a polynomial"),
        ("kx*foo", "unknown name 'foo'"),
        ("kz*sz", "unknown name 'kz'"),
        ("kx*sx/ky", "divided by 'ky'"),
        ("kx^sx", "the power 'sx'"),
        ("kx^99*sx", "expected a whole number from 0 to 16"),
        ("(kx^9)^9*sx", "degree"),
        ("kx*sx +", "cannot be read as a polynomial"),
        ("(" * 300 + "kx" + ")" * 300, "cannot be read as a polynomial"),
        ("sx*sy", "not Hermitian"),
        ("9" * 5000, "letters"),
        ([["kx", "ky"], ["kx"]], "square matrix"),
        ([["kx", "sx"], ["sx", "kx"]], "an element of a matrix is a number"),
    ],
)
def test_texts_that_are_no_hamiltonians_are_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        ws.kp_model(text, dimension=2, cutoff=0.1)


@pytest.mark.parametrize("name", ["kx", "s0", "pi", "a b", "2m", ""])
def test_names_that_parameters_cannot_have(name: str) -> None:
    with pytest.raises(InputError, match="the name is taken, or no word"):
        parse_hamiltonian("kx*sx", {name: 1.0}, 2)


def test_a_derivative_of_nothing_is_no_error() -> None:
    """What rounding makes of the slope of a flat band is small against the band itself, also where elements of H are zero."""
    H = np.diag([0.0, 1.0])[None].astype(complex)
    none, rounding = np.zeros((1, 3, 2, 2), complex), np.full((1, 3, 2, 2), 1e-16, complex)
    hessian = np.zeros((1, 3, 3, 2, 2), complex)
    assert _distance((H, rounding, hessian), (H, none, hessian), 1.0) < 1e-6
    assert _distance((H, 1e8 * rounding, hessian), (H, none, hessian), 1.0) > 0.5


def test_matrices_of_texts() -> None:
    rows = [["m", "v*(kx - i*ky)"], ["v*(kx + i*ky)", "-m"]]
    one = parse_hamiltonian(rows, {"m": 0.1, "v": 2.0}, 2)
    other = parse_hamiltonian("m*sz + v*(kx*sx + ky*sy)", {"m": 0.1, "v": 2.0}, 2)
    k = np.random.default_rng(2).normal(size=(5, 3))
    np.testing.assert_allclose(one.series(k)[0], other.series(k)[0], atol=1e-14)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ws.kp_model("kx*sx", dimension=2), "either cutoff"),
        (lambda: ws.kp_model("kx*sx", dimension=2, box=((0,), (1,))), "2 numbers"),
        (lambda: ws.kp_model("kx*sx", dimension=4, cutoff=1.0), "expected 1, 2 or 3"),
        (lambda: ws.kp_model("kx*sx", dimension=2, cutoff=np.inf), "finite region"),
        (lambda: ws.kp_model(lambda k: PAULI[0], dimension=2, cutoff=1.0), "numpy.vectorize"),
        (lambda: ws.kp_model(lambda k: np.abs(k[:, :1, None]) * PAULI[0], dimension=2, cutoff=1.0), "not smooth"),
        (lambda: ws.kp_model(lambda k: k[:, :1, None] * 1j * PAULI[0], dimension=2, cutoff=1.0), "not Hermitian"),
        (lambda: ws.kp_model("kx*sx", dimension=2, cutoff=1.0, spin=PAULI[:2]), "spin has shape"),
    ],
)
def test_models_that_are_none_are_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()


def test_from_an_input_file(tmp_path: Path) -> None:
    text = """
responses = ["spin_hall"]
mu = 0.0
temperature = 0
units = "natural"
tolerance = 0.001
[kp]
hamiltonian = "v*(kx*tx*sz + ky*ty) + D*tz"
parameters = { v = 0.8, D = 0.04 }
dimension = 2
cutoff = 0.5
"""
    (tmp_path / "bhz.toml").write_text(text)
    command = [sys.executable, "-m", "wannier_spin", "run", "bhz.toml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    result = ws.load(tmp_path / "bhz.h5")
    exact = 1 / (4 * np.pi) * (1 - D / np.hypot(0.4, D))
    assert abs(result["spin_hall"].values[0, 0, 0, 1, 2]) == pytest.approx(exact, rel=2e-3, abs=0)
    assert "kx*tx*sz" in str(result.facts.model_source)
    (tmp_path / "bhz.toml").write_text(text.replace("[kp]", 'seedname = "Pt"\n[kp]'))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert "leave out seedname" in done.stderr


@pytest.mark.parametrize("cutoff", [10.0, 1e-3])
@pytest.mark.parametrize(("v", "gap"), [(1.3, -0.05), (0.2, 0.3)])
def test_on_what_the_bands_change(v, gap, cutoff):
    """The gap over the velocity, where the region is not smaller, and the velocity."""
    model = ws.kp_model("v*(kx*sx + ky*sy) + D*sz", parameters={"v": v, "D": gap}, dimension=2, cutoff=cutoff)
    assert model.scales == pytest.approx((min(abs(gap) / v, cutoff), v))
