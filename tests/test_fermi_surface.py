"""Fermi surface files, read back by readers that follow the format texts; colours and crossing bands by hand."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Command, entry_point

import wannier_spin as ws
from wannier_spin.errors import InputError

RANDOM = ws.models.get("random_model")
GRID, MU = (5, 4, 3), 0.1


def read_frmsf(path: Path) -> dict[str, Any]:
    """As FermiSurfer reads it: a line with the mesh, then numbers in free format; colours while there are numbers."""
    first, rest = path.read_text().split("\n", 1)
    shape = tuple(int(n) for n in first.split())
    numbers = iter(rest.split())
    switch, n_bands = int(next(numbers)), int(next(numbers))
    reciprocal = np.array([float(next(numbers)) for _ in range(9)]).reshape(3, 3)
    blocks = np.array(list(numbers), float).reshape(-1, n_bands, *shape)
    return {"switch": switch, "reciprocal": reciprocal, "energies": blocks[0], "colours": blocks[1:]}


def read_bxsf(path: Path) -> dict[str, Any]:
    """As the format text says: Fermi energy; bands, points, origin, three vectors; BAND: and values in C order."""
    lines: Iterator[str] = (line.strip() for line in path.read_text().splitlines())
    for line in lines:
        if line.startswith("Fermi Energy:"):
            fermi_energy = float(line.split(":")[1])
        if line == "BEGIN_BLOCK_BANDGRID_3D":
            break
    next(lines)  # a name
    assert next(lines).startswith("BEGIN_BANDGRID_3D")
    n_bands = int(next(lines))
    shape = tuple(int(n) for n in next(lines).split())
    origin, *reciprocal = ([float(x) for x in next(lines).split()] for _ in range(4))
    bands: dict[int, list[float]] = {}
    for line in lines:
        if line == "END_BANDGRID_3D":
            break
        if line.startswith("BAND:"):
            values = bands.setdefault(int(line.split(":")[1]), [])
        else:
            values += [float(x) for x in line.split()]
    assert next(lines) == "END_BLOCK_BANDGRID_3D"
    assert len(bands) == n_bands
    energies = np.array(list(bands.values())).reshape(n_bands, *shape)
    return {"E_F": fermi_energy, "origin": origin, "reciprocal": np.array(reciprocal), "bands": tuple(bands), "energies": energies}


def at(*index: int, grid: tuple[int, int, int] = GRID, model: ws.TightBindingModel = RANDOM) -> Any:
    """Bands at one point of the mesh."""
    return ws.band_geometry(model, np.array([index]) / grid)


def test_frmsf(tmp_path: Path) -> None:
    surface = ws.fermi_surface(RANDOM, GRID, MU, "spin", ["z", "x"])
    assert surface.save(tmp_path / "a.frmsf") == tmp_path / "a.frmsf"
    found = read_frmsf(tmp_path / "a.frmsf")
    assert found["switch"] == 1  # k = i/n
    assert found["reciprocal"] @ RANDOM.lattice.T == pytest.approx(2 * np.pi * np.eye(3), abs=1e-8)
    assert found["energies"].shape == (len(surface.bands), *GRID)
    assert found["colours"].shape == (2, len(surface.bands), *GRID)
    for index in ((0, 0, 0), (4, 1, 2), (1, 3, 0)):
        g = at(*index)
        for i, band in enumerate(surface.bands):
            place = (i, *index)
            assert found["energies"][place] == pytest.approx(g.energies[0, band - 1] - MU, abs=1e-7)
            spin = [g.spin[0, c, band - 1, band - 1].real for c in (2, 0)]
            assert [colour[place] for colour in found["colours"]] == pytest.approx(spin, abs=1e-7)
    assert np.ptp(found["colours"]) > 0.1
    assert surface.names == ("spin z", "spin x")


def test_bxsf(tmp_path: Path) -> None:
    surface = ws.fermi_surface(RANDOM, GRID, MU)
    surface.save(tmp_path / "a.bxsf")
    found = read_bxsf(tmp_path / "a.bxsf")
    assert found["E_F"] == pytest.approx(MU)
    assert found["origin"] == [0, 0, 0]
    assert found["reciprocal"] @ RANDOM.lattice.T == pytest.approx(2 * np.pi * np.eye(3), abs=1e-8)
    assert found["bands"] == surface.bands
    energies = found["energies"]
    assert energies.shape == (len(surface.bands), *(n + 1 for n in GRID))
    for index in ((0, 0, 0), (4, 1, 2), (5, 1, 2), (1, 4, 3), (5, 4, 3)):  # the last point of each direction is the first one
        g = at(*index)
        assert energies[(slice(None), *index)] == pytest.approx([g.energies[0, band - 1] for band in surface.bands], abs=1e-7)


def test_only_bands_that_cross() -> None:
    mesh = ws.k_mesh(GRID)
    energies = ws.band_geometry(RANDOM, mesh.points).energies
    crossing = [n + 1 for n in range(4) if energies[:, n].min() < MU < energies[:, n].max()]
    assert 0 < len(crossing) < 4
    surface = ws.fermi_surface(RANDOM, GRID, MU)
    assert surface.bands == tuple(crossing)
    assert surface.energies[0].ravel() == pytest.approx(energies[:, crossing[0] - 1])
    assert surface.colours.shape == (0, len(crossing), *GRID)


def test_no_band_crosses() -> None:
    model = ws.models.get("kane_mele")
    energies = ws.band_geometry(model, ws.k_mesh((6, 6, 1)).points).energies
    with pytest.raises(InputError) as caught:
        ws.fermi_surface(model, (6, 6, 1), 0.0)
    low, high = energies[:, :2].max(), energies[:, 2:].min()
    assert f"no band of 'kane_mele' crosses 0 eV on this mesh: the next energy below is {low:.4f} eV" in str(caught.value)
    assert f"above {high:.4f} eV" in str(caught.value)
    with pytest.raises(InputError, match="the next above inf eV"):
        ws.fermi_surface(model, (6, 6, 1), 50.0)


def test_kramers_pairs() -> None:
    """Both bands of a pair are there, with the same colour: the mean over the block."""
    model = ws.models.get("pt_antiferromagnet")
    surface = ws.fermi_surface(model, (6, 5, 1), -0.4, "spin_berry_curvature", "xy;z")
    assert len(surface.bands) % 2 == 0
    assert np.abs(surface.colours).max() > 1e-3
    assert surface.colours[0, ::2] == pytest.approx(surface.colours[0, 1::2], abs=1e-10)
    assert surface.energies[::2] == pytest.approx(surface.energies[1::2], abs=1e-10)


def test_colours_of_a_response() -> None:
    """Of (5) in its Fermi-surface form, tau d_b f O_nn: -tau v^b_n O_nn for each state at E_F."""
    grid = (6, 6, 6)
    surface = ws.fermi_surface(RANDOM, grid, MU, "edelstein", "xy", tau=2.0)
    assert surface.names == ("edelstein xy (eV angstrom^-2 eV^-1 (hbar = e = 1))",)
    g = ws.band_geometry(RANDOM, ws.k_mesh(grid).points)
    volume = abs(np.linalg.det(RANDOM.lattice))
    for i, band in enumerate(surface.bands):
        n = band - 1
        own = -2.0 * (g.velocity[:, 1, n, n] * g.spin[:, 0, n, n]).real / 2 / volume
        assert surface.colours[0, i].ravel() == pytest.approx(own, rel=1e-9, abs=0)
        assert np.abs(own).max() > 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0, 4, 4), MU), "expected three positive whole numbers"),
        (((4, 4), MU), "expected three positive whole numbers"),
        ((GRID, MU, "spin"), "expected both, or neither"),
        ((GRID, MU, None, "z"), "expected both, or neither"),
        ((GRID, MU, "spin", "up"), "expected 1 letter"),
        ((GRID, MU, "mass", "x"), "quantity 'mass' is not available; All: spin_berry"),
        ((GRID, MU, "spin_hall", "xyz"), "terms of the Fermi sea only"),
    ],
)
def test_refusals(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ws.fermi_surface(RANDOM, *arguments)


def test_a_kp_model_is_refused() -> None:
    with pytest.raises(InputError, match="is a k·p model"):
        ws.fermi_surface(ws.models.get("massive_dirac"), GRID, MU)


def test_files_that_cannot_be(tmp_path: Path) -> None:
    surface = ws.fermi_surface(RANDOM, GRID, MU, "spin", "z")
    for name, message in (("a.txt", "the ending must be .frmsf or .bxsf"), ("a.bxsf", "1 colours are more than the 0")):
        with pytest.raises(InputError, match=message):
            surface.save(tmp_path / name)
    four = replace(surface, colours=np.repeat(surface.colours, 4, axis=0), names=surface.names * 4)
    with pytest.raises(InputError, match="4 colours are more than the 3"):
        four.save(tmp_path / "a.frmsf")
    with pytest.raises(InputError, match="does not exist"):
        surface.save(tmp_path / "none" / "a.frmsf")
    assert list(tmp_path.iterdir()) == []


# --- command line -------------------------------------------------------------------------------------------------------


@pytest.fixture
def wannier_spin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    RANDOM.save(tmp_path / "model.h5")
    monkeypatch.chdir(tmp_path)
    return entry_point(monkeypatch, capsys)


def test_command(wannier_spin: Command, tmp_path: Path) -> None:
    options = ("--fermi-energy", MU, "--grid", *GRID)
    done = wannier_spin("fermi-surface", "model.h5", *options, "-q", "spin", "-c", "z", "-c", "x", "-o", "a.frmsf")
    assert (done.code, done.err) == (0, "")
    assert done.out == "bands 2, 3 on 5x4x3 points; spin z; spin x\nwritten to a.frmsf\n"
    expected = ws.fermi_surface(RANDOM, GRID, MU, "spin", ["z", "x"])
    assert read_frmsf(tmp_path / "a.frmsf")["colours"] == pytest.approx(expected.colours, abs=1e-7)
    assert wannier_spin("fermi-surface", "model.h5", *options, "-o", "a.bxsf").code == 0
    assert read_bxsf(tmp_path / "a.bxsf")["bands"] == (2, 3)
    done = wannier_spin(
        "fermi-surface", "model.h5", *options, "-q", "magnetic_spin_hall", "-c", "xy;z", "--tau", 7, "-o", "b.frmsf"
    )
    assert "magnetic_spin_hall xy;z (eV (hbar/e) S m^-1)" in done.out
    expected = ws.fermi_surface(RANDOM, GRID, MU, "magnetic_spin_hall", "xyz", units="SI", tau=7)
    assert read_frmsf(tmp_path / "b.frmsf")["colours"] == pytest.approx(expected.colours, rel=1e-7, abs=0)


def test_command_takes_a_fine_mesh_by_itself(wannier_spin: Command) -> None:
    """About 0.07/angstrom between points, one point across a sheet."""
    ws.models.get("kane_mele", a=20.0).save("sheet.h5")
    done = wannier_spin("fermi-surface", "sheet.h5", "--fermi-energy", -1.5, "-o", "a.bxsf")
    assert done.out.startswith("bands 1, 2 on 6x6x1 points")  # 4 pi/(sqrt(3) 20) = 0.363/angstrom


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("-q", "spin", "-c", "z", "-o", "a.bxsf"), ("a.bxsf", "1 colours are more than the 0")),
        (("-o", "a.dat"), ("a.dat", ".html, .frmsf, .bxsf")),
        (("-q", "spin", "-c", "z", "-c", "x", "-o", "a.html"), ("a.html", "2 components, expected one")),
        (("-o", "none/a.frmsf"), ("'none' does not exist",)),
        (("-q", "spin", "-o", "a.frmsf"), ("expected both, or neither",)),
        (("-q", "spin", "-c", "zz", "-o", "a.frmsf"), ("'zz' of 'spin'", "1 letter")),
        (("-q", "spinn", "-c", "z", "-o", "a.frmsf"), ("'spinn'", "did you mean 'spin'")),
        (("-q", "spin_hall", "-c", "xy;z", "-o", "a.frmsf"), ("'spin_hall'", "Fermi sea only", "plane")),
        (("-q", "spin", "-c", "z", "--tau", "3", "-o", "a.frmsf"), ("--tau is for responses",)),
        (("--fermi-energy", "99", "-o", "a.frmsf"), ("no band of 'random_model' crosses 99 eV",)),
        (("--grid", "3", "0", "3", "-o", "a.frmsf"), ("three positive whole numbers",)),
    ],
)
def test_command_refuses(wannier_spin: Command, tmp_path: Path, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    done = wannier_spin("fermi-surface", "model.h5", "--fermi-energy", MU, "--grid", *GRID, *arguments)
    assert (done.code, done.out, done.err.count("error: ")) == (2, "", 1)
    for part in parts:
        assert part in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5"]
