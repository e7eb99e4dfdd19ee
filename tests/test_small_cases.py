"""Decisions that hang on one number, one file or one flag, and that runs of the usual kind do not meet."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import Command, entry_point
from scans import made_up

import wannier_spin as ws
from wannier_spin import InputError
from wannier_spin.models.polynomial import parse_hamiltonian
from wannier_spin.readers.collinear import join_channels
from wannier_spin.results.select import OUTSIDE
from wannier_spin.screening.figures import ANGLE, CHARGE, COUNTERPARTS, figures
from wannier_spin.storage.schema import _fits

wannier_spin = pytest.fixture(entry_point)
pytestmark = pytest.mark.filterwarnings("ignore")
SHEET = ws.models.rashba_exchange(exchange=(0.1, 0.2, 0.3))


def computed(*names: str, mu: Sequence[float] = (-2.6, -2.2)) -> ws.ResultSet:
    return ws.compute(SHEET, names, mu=list(mu), temperature=1000, grid=(4, 4, 1), tau=10.0)


def test_a_value_at_the_end_of_a_scan_may_be_rounded() -> None:
    tensor = computed("edelstein")["edelstein"]
    for outside, inside in ((0.5, True), (2.0, False)):
        mu = -2.6 - outside * 2.6 * OUTSIDE
        if inside:
            assert tensor.sel(mu=mu).mu == pytest.approx([-2.6], abs=1e-12)
        else:
            with pytest.raises(InputError, match="has no mu = -2.6"):
                tensor.sel(mu=mu)


def test_how_much_definitions_differ() -> None:
    tensor = computed("spin_hall")["spin_hall"]
    size = np.abs(tensor.values).max()
    assert size > 0
    other = replace(tensor, blocks={name: 1.25 * block for name, block in tensor.blocks.items()})
    assert replace(tensor, definitions={"other": other}).definition_spread == {"other": pytest.approx(0.25, abs=1e-9)}
    nothing = replace(tensor, blocks={name: 0 * block for name, block in tensor.blocks.items()})
    assert replace(nothing, definitions={"other": tensor}).definition_spread == {"other": pytest.approx(size, abs=1e-12)}


def test_shapes_of_one_length_or_none() -> None:
    sizes = {"n": 3}
    assert _fits((3, 2), ("n", 2), sizes)
    assert not _fits((3, 2, 1), ("n", 2), sizes)
    assert not _fits((4, 2), ("n", 2), sizes)
    assert not _fits((3, 4), ("m", "m"), sizes)
    assert sizes == {"n": 3}
    assert _fits((3, 5), ("n", "m"), sizes)
    assert sizes == {"n": 3, "m": 5}


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), float("inf"), [1.0]])
def test_parameters_of_a_hamiltonian_are_finite_numbers(value: object) -> None:
    with pytest.raises(InputError, match=r"parameter v = .*, expected a finite number"):
        parse_hamiltonian("v*kx*sx", {"v": value}, 1)  # type: ignore[dict-item]


def test_channels_of_one_cell() -> None:
    up = replace(ws.models.random_model(n=2), spin_R=None)
    longer = replace(up, lattice=up.lattice * 1.01)
    for other in (longer, replace(up, periodic=(True, True, False))):
        with pytest.raises(InputError, match="the two spins of a crystal have one cell"):
            join_channels(up, other)
    assert join_channels(up, up).n_bands == 4


def test_a_table_has_ratios_where_both_responses_are_there() -> None:
    drude, intrinsic = "nonlinear_drude_spin_magnetization", "nonlinear_intrinsic_spin_magnetization"
    assert COUNTERPARTS[drude] == intrinsic
    both, alone = (set(figures(made_up(computed(*names, mu=[-2.3])))) for names in ((drude, intrinsic), (drude,)))
    assert f"{drude}.to_intrinsic" in both
    assert not {name for name in alone if "to_intrinsic" in name}


def test_the_spin_hall_angle_takes_the_conductivity_along_the_field() -> None:
    result = made_up(computed("spin_hall", "edelstein", mu=[-2.3]))
    like = result["edelstein"]  # two indices, as a conductivity
    positive = replace(like, blocks={name: np.abs(block) for name, block in like.blocks.items()})
    result = replace(result, tensors={"spin_hall": result["spin_hall"], CHARGE: positive})
    spin, charge = (result[name].at(units="SI").values[0, 0] for name in ("spin_hall", CHARGE))
    row = figures(result)
    a, b, _, c = str(row["spin_hall.component"])
    assert a != b
    along, across = (float(charge["xyz".index(x), "xyz".index(x)]) for x in (b, a))
    assert abs(along - across) > 1e-3 * abs(along)
    assert row[f"{CHARGE}.component"] == 2 * b
    assert row[CHARGE] == pytest.approx(along, rel=1e-12, abs=0)
    assert row[ANGLE] == pytest.approx(2 * spin["xyz".index(a), "xyz".index(b), "xyz".index(c)] / along, rel=1e-9, abs=0)


def test_a_result_of_another_input_is_kept_unless_asked(
    wannier_spin: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By --overwrite, not by --resume, which batch scripts say each time."""
    monkeypatch.chdir(tmp_path)
    SHEET.save("sheet.h5")
    same = 'seedname = "sheet.h5"\nresponses = "edelstein"\ntemperature = 1000\ngrid = [2, 2, 1]\noutput = "out.h5"\n'
    for i, (options, kept) in enumerate((((), 0), (("--overwrite",), 0), (("--resume",), 1), ((), 2))):
        Path("in.toml").write_text(f"mu = -2.{i}\n{same}")
        assert wannier_spin("run", "in.toml", *options).code == 0
        assert len(list(tmp_path.glob("out.*.h5"))) == kept


def test_a_path_needs_a_win_or_a_structure(
    wannier_spin: Command, example_inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without kpoint_path in the .win the cell in it names the points."""
    monkeypatch.chdir(tmp_path)
    text = (example_inputs / "GaAs" / "GaAs.win").read_text()
    head, _, rest = text.partition("begin kpoint_path")
    (tmp_path / "GaAs.win").write_text(head + rest.partition("end kpoint_path")[2])
    (tmp_path / "GaAs.model.h5").symlink_to(example_inputs / "GaAs" / "GaAs.model.h5")
    done = wannier_spin("bands", "GaAs.model.h5", "-o", "bands.png", "--points", "5")
    assert done.code == 0, done.err
