"""Polar quadrature: areas, closed integrals, Fermi lines, infinite disks, temperature."""

import numpy as np
import pytest

from wannier_spin import InputError, compute, models
from wannier_spin.integration import rays
from wannier_spin.integration.rays import Bands, Disk


def bands(both):
    """Of a function of k that gives energies and velocities."""
    return Bands(lambda k: both(k)[0], lambda k: both(k)[1])


def free(k):
    """One parabola, energy k^2/2."""
    return (k[:, :1] ** 2 + k[:, 1:2] ** 2) / 2, k[:, :, None] * [[[1], [1], [0]]]


def dirac(k):
    """Two bands +-sqrt(k^2 + 1)."""
    e = np.sqrt(k[:, 0] ** 2 + k[:, 1] ** 2 + 1)
    v = k / e[:, None] * [1, 1, 0]
    return np.stack([-e, e], axis=1), np.stack([-v, v], axis=2)


def ellipse(k):
    e = (k[:, :1] ** 2 + k[:, 1:2] ** 2 / 4) / 2
    return e, np.stack([k[:, 0], k[:, 1] / 4, 0 * k[:, 0]], axis=1)[:, :, None]


def radius(nodes):
    return np.hypot(nodes.k[:, 0], nodes.k[:, 1])


@pytest.mark.parametrize("R", [0.3, 2.0, 50.0])
def test_area(R):
    """pi R^2/(2 pi)^2, and second moments."""
    nodes, line = Disk(R, 1.0, 6, 8).nodes(bands(free), -1.0, 0.0)
    assert nodes.weight.sum() == pytest.approx(R**2 / (4 * np.pi), rel=1e-14, abs=0)
    assert nodes.weight @ nodes.k[:, 0] ** 2 == pytest.approx(R**4 / (16 * np.pi), rel=1e-13, abs=0)
    assert abs(nodes.weight @ nodes.k[:, 0]) < 1e-14 * R**3
    assert abs(nodes.weight @ (nodes.k[:, 0] * nodes.k[:, 1])) < 1e-14 * R**4
    assert nodes.k[:, 2].any() == False  # noqa: E712  (the plane)
    assert radius(nodes).max() < R
    assert len(line.k) == 0


@pytest.mark.parametrize(("power", "expected"), [(2, 1 / (4 * np.pi)), (3, 1 / (8 * np.pi)), (1.5, 1 / (2 * np.pi))])
def test_infinite_disk(power, expected):
    """int d^2k/(2 pi)^2 (1 + k^2)^-p = 1/(4 pi (p - 1))."""
    nodes, _ = Disk(np.inf, 1.0, 16, 4).nodes(bands(free), -1.0, 0.0)
    assert nodes.weight @ (1 + radius(nodes) ** 2) ** -power == pytest.approx(expected, rel=1e-9, abs=0)


def test_infinite_disk_is_the_limit():
    value = []
    for R in (1e2, np.inf):
        nodes, _ = Disk(R, 1.0, 40, 4).nodes(bands(free), -1.0, 0.0)
        value.append(nodes.weight @ (1 + radius(nodes) ** 2) ** -2.0)
    assert value[0] == pytest.approx(1 / (4 * np.pi) - 1 / (4 * np.pi * (1 + 1e4)), rel=1e-10, abs=0)
    assert value[1] == pytest.approx(1 / (4 * np.pi), rel=1e-12, abs=0)


@pytest.mark.parametrize(("R", "mu"), [(3.0, 0.5), (3.0, 3.1), (np.inf, 2.0)])
def test_fermi_line(R, mu):
    """Weights sum to minus the density of states; a parabola of mass 1 has 1/(2 pi)."""
    _, line = Disk(R, 1.0, 6, 8).nodes(bands(free), mu, 0.0)
    assert np.abs(np.hypot(*line.k[:, :2].T) - np.sqrt(2 * mu)).max() < 1e-13
    assert line.weight.sum() == pytest.approx(-1 / (2 * np.pi), rel=1e-13, abs=0)
    assert (line.band == 0).all()
    # -int delta(e - mu) kx^2 = -(1/2 pi) mu
    assert line.weight @ line.k[:, 0] ** 2 == pytest.approx(-mu / (2 * np.pi), rel=1e-13, abs=0)


@pytest.mark.parametrize("mu", [1.5, -1.5, 7.0])
def test_fermi_line_of_dirac(mu):
    """|mu|/(2 pi), of the band that crosses."""
    _, line = Disk(np.inf, 1.0, 6, 8).nodes(bands(dirac), mu, 0.0)
    assert set(line.band) == {1 if mu > 0 else 0}
    assert line.weight.sum() == pytest.approx(-abs(mu) / (2 * np.pi), rel=1e-13, abs=0)


def beside(k, centre=3.0):
    """One parabola about a point away from k = 0."""
    q = k - np.array([centre, 0, 0])
    return (q[:, :1] ** 2 + q[:, 1:2] ** 2) / 2, q[:, :, None] * [[[1], [1], [0]]]


@pytest.mark.parametrize("mu", [2.0, 0.5, 0.005])
def test_a_pocket_that_rays_touch(mu):
    """Exponential convergence all the same: density of states and centre of the line, area of the pocket."""
    errors = []
    for n in (8, 16):
        nodes, line = Disk(6.0, 1.0, n, n).nodes(bands(beside), mu, 0.0)
        inside = beside(nodes.k)[0][:, 0] < mu
        found = [line.weight.sum(), line.weight @ line.k[:, 0], nodes.weight @ inside, nodes.weight.sum()]
        exact = [-1 / (2 * np.pi), -3 / (2 * np.pi), mu / (2 * np.pi), 9 / np.pi]
        errors.append(np.abs(np.divide(found, exact) - 1))
    assert errors[0][:3].max() < 2e-5
    assert errors[1].max() < 1e-11


def test_gap_and_edge():
    disk = Disk(np.inf, 1.0, 6, 8)
    for mu in (0.0, 0.99, -0.99):
        assert len(disk.nodes(bands(dirac), mu, 0.0)[1].k) == 0
    small = Disk(1.0, 1.0, 6, 8)  # the Fermi line lies outside of the disk
    assert len(small.nodes(bands(free), 2.0, 0.0)[1].k) == 0


def test_ellipse():
    """An anisotropic line converges exponentially in the number of angles: density of states 2/(2 pi)."""
    errors = []
    for n in (8, 16, 48):
        _, line = Disk(10.0, 1.0, 6, n).nodes(bands(ellipse), 0.5, 0.0)
        errors.append(abs(line.weight.sum() + 2 / (2 * np.pi)))
    assert errors[0] > 1e-6
    assert errors[2] < 1e-9


def test_panels_end_at_the_fermi_line():
    """A step is integrated exactly: area of the Fermi sea, k_F^2/(4 pi)."""
    mu = 0.77
    nodes, _ = Disk(np.inf, 1.0, 6, 4).nodes(bands(free), mu, 0.0)
    filled = free(nodes.k)[0][:, 0] < mu
    assert filled.any()
    assert nodes.weight[filled].sum() == pytest.approx(2 * mu / (4 * np.pi), rel=1e-13, abs=0)


@pytest.mark.parametrize("kT", [0.01, 0.1, 0.5])
def test_temperature(kT):
    """n = kT ln(1 + exp(mu/kT))/(2 pi), and -f' integrates to f(0)/(2 pi)."""
    mu = 0.8
    nodes, line = Disk(np.inf, 1.0, 12, 4).nodes(bands(free), mu, kT)
    assert len(line.k) == 0
    x = (free(nodes.k)[0][:, 0] - mu) / kT
    f = 1 / (1 + np.exp(np.minimum(x, 700)))
    assert nodes.weight @ f == pytest.approx(kT * np.log1p(np.exp(mu / kT)) / (2 * np.pi), rel=1e-9, abs=0)
    slope = f * (1 - f) / kT
    assert nodes.weight @ slope == pytest.approx(1 / (1 + np.exp(-mu / kT)) / (2 * np.pi), rel=1e-9, abs=0)


def test_scale_does_not_matter():
    """Nor does where the panels end, once they are fine enough."""
    values = []
    for scale in (0.3, 1.0, 4.0):
        nodes, _ = Disk(np.inf, scale, 24, 4).nodes(bands(free), -1.0, 0.0)
        values.append(nodes.weight @ (1 + radius(nodes) ** 2) ** -2.0)
    assert np.abs(np.array(values) * 4 * np.pi - 1).max() < 1e-9


@pytest.mark.parametrize("reach", [0.0, 1.3, 2.5, 5.0])
def test_panels_of_empty_rays(reach):
    """Octaves of the scale, to twice the reach, and four times the scale at least; in a disk up to its radius."""
    edges = Disk(np.inf, 0.5, 4, 4, reach)._edges(np.empty(0))
    last = max(2.0, 2 * reach)
    assert last <= edges[-1] < 2 * last
    assert edges[:3].tolist() == [0.0, 0.25, 0.5]
    assert np.diff(np.log2(edges[1:])).tolist() == [1.0] * (len(edges) - 2)
    assert Disk(1.5, 0.5, 4, 4, reach)._edges(np.array([0.7, 1.5, 1.6])).tolist() == [0.0, 0.25, 0.5, 0.7, 1.0, 1.5]


# In a calculation


def test_grid_of_a_kp_model():
    model = models.massive_dirac()
    for grid in ((4, 4, 4), (3, 8), (8,), (4.5, 8)):
        with pytest.raises(InputError, match="takes two numbers"):
            compute(model, "spin_hall", grid=grid, mu=0.06, temperature=0)


def test_error_estimate():
    """Fine against three quarters of the points."""
    model = models.massive_dirac(gap=1.0)
    name = "nonlinear_intrinsic_spin_magnetization"
    rough = compute(model, name, grid=(4, 4), mu=2.0, temperature=0, form="paper")[name]
    exact = 79 / (960 * np.pi * 32)
    true = abs(rough.values[0, 0, 2, 0, 0] - exact)
    assert 0 < true < rough.error[0, 0, 2, 0, 0]
    good = compute(model, name, grid=(16, 8), mu=2.0, temperature=0, form="paper")[name]
    assert good.error.max() < 1e-10
    assert good.values[0, 0, 2, 0, 0] == pytest.approx(exact, rel=1e-13, abs=0)


def test_grid_and_rays_agree():
    """The same Dirac cone on a lattice, sin k for k: its gap region, where both integrators see the same physics."""
    D, mu = 0.05, 0.0
    cone = compute(models.massive_dirac(v=1.0, gap=D), "intrinsic_spin_magnetization", grid=(12, 8), mu=mu, temperature=0)
    exact = D / (8 * np.pi * D)
    assert cone["intrinsic_spin_magnetization"].values[0, 0, 0, 1] == pytest.approx(exact, rel=1e-10, abs=0)


def test_points_of_both_grids_are_counted(monkeypatch):
    """Those of the estimate too."""
    found, nodes = [], Disk.nodes

    def counted(disk, *given):
        found.append(nodes(disk, *given))
        return found[-1]

    monkeypatch.setattr(Disk, "nodes", counted)
    result = compute(models.massive_dirac(), "spin_hall", grid=(4, 8), mu=[0.06, 0.2], temperature=0)
    points = [len(sea.k) for sea, _ in found]
    assert len(points) == 4 and len(set(points)) > 1
    assert result.facts.k_points == sum(points)


def test_what_is_summed_is_the_same_above_and_below_mu():
    """Panels end as far below mu as above it, in order: electrons and holes are alike."""
    edges = np.array(rays.THERMAL_EDGES)
    assert (np.diff(edges) > 0).all()
    assert np.array_equal(edges, -edges[::-1])
