"""Ranks: the answer does not depend on how many there are, one line is printed, and a failure ends all of them."""

import signal
import subprocess
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import Command, entry_point, several
from ranks import launch

import wannier_spin as ws

pytestmark = pytest.mark.mpi

MPI_RUN = "import sys; from wannier_spin import cli; sys.argv = ['wannier-spin', *sys.argv[1:]]; cli.main()"

IRON = """
seedname = "{}"
responses = "all"
fermi_energy = 17.6048
mu = [-0.5, 0.0]
temperature = [300, 1000]
omega = [0.1, 0.2]
broadening = 0.05
[grid]
points = [4, 4, 4]
"""
SHEET = """
seedname = "sheet.h5"
responses = ["spin_hall", "edelstein"]
mu = 0.3
temperature = 1000
[grid]
points = [4, 4, 1]
"""


@pytest.fixture
def wannier_spin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Run the entry point in this process: wannier_spin("run", path)."""
    before = signal.getsignal(signal.SIGTERM)
    yield entry_point(monkeypatch, capsys)
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ws.models.get("rashba_exchange").save(tmp_path / "sheet.h5")
    (tmp_path / "in.toml").write_text(SHEET)
    return tmp_path


FORBIDDEN_IN_IRON = {  # by inversion: what is left of contributions that cancel to 1e-5 or less
    "edelstein",
    "intrinsic_spin_magnetization",
    "displacement_spin_magnetization",
    "ac_spin_magnetization",
    "nonlinear_drude_spin_current",
    "nonlinear_extrinsic_spin_current",
    "nonlinear_intrinsic_spin_current",
}
Results = dict[int, ws.ResultSet]


def worst_difference(a: ws.ResultSet, b: ws.ResultSet) -> dict[str, float]:
    """Largest difference of values, of the largest |value| of the response; errors, which are no sums but know logarithms of
    amplitudes, where these are rounding, to 1e-8.
    """
    assert list(a) == list(b)
    found = {}
    for name, tensor in a.items():
        found[name] = float(np.abs(tensor.values - b[name].values).max() / np.abs(tensor.values).max())
        assert np.abs(tensor.error - b[name].error).max() <= 1e-8 * tensor.error.max(), name
    return found


@pytest.fixture(scope="module")
def launched(mpirun: Callable[..., str], example_inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Results]:
    """All responses of iron, and integrals on boxes: by one rank, and by three.

    Each run prints its summary once. (All responses of a model without symmetry, and more numbers of ranks, to the bit: test_bits.)
    """
    folder = tmp_path_factory.mktemp("launched")
    ws.models.get("rashba_exchange").save(folder / "sheet.h5")
    inputs = {"iron": IRON.format(example_inputs / "Fe" / "Fe.model.h5"), "boxes": ADAPTIVE}
    for name, text in inputs.items():
        (folder / f"{name}.toml").write_text(text)
    results: dict[str, Results] = {name: {} for name in inputs}
    for ranks in (1, 3):
        lines = [("run", folder / f"{name}.toml", "-o", folder / f"{name}.{ranks}.h5") for name in inputs]
        *runs, other = several(mpirun, ranks, *lines, ["responses"])
        assert other.out.count("magnetic_spin_hall") == 1  # other commands print once, too
        for name, done in zip(inputs, runs, strict=True):
            assert done.code == 0, done
            assert done.out.count("written to") == done.out.count("largest components") == 1, done
            result = results[name][ranks] = ws.load(folder / f"{name}.{ranks}.h5")
            assert done.err.count("round ") == (result.provenance["rounds"][0] if name == "boxes" else 0), done
    made = {f"{name}.{ending}" for name in inputs for ending in ("1.h5", "3.h5", "toml")}
    assert {p.name for p in folder.iterdir()} == made | {"sheet.h5"}
    return results


@pytest.fixture(scope="module")
def iron(launched: dict[str, Results]) -> Results:
    return launched["iron"]


@pytest.fixture(scope="module")
def adaptive(launched: dict[str, Results]) -> Results:
    return launched["boxes"]


@pytest.mark.parametrize("ranks", [3])
def test_ranks_agree_on_iron(iron: Results, ranks: int) -> None:
    """1e-12, times what gaps of 1 meV (second order) and cancellation (forbidden by inversion) make of it."""
    for name, difference in worst_difference(iron[1], iron[ranks]).items():
        second_order = name.startswith("nonlinear")
        assert difference <= (1e-6 if name in FORBIDDEN_IN_IRON else 1e-10 if second_order else 1e-12), name
    assert (iron[1].provenance["ranks"], iron[ranks].provenance["ranks"]) == (1, ranks)
    for key in ("k_points_evaluated", "lowest_energy_eV", "highest_energy_eV", "lowest_transition_eV"):
        assert iron[ranks].provenance[key] == pytest.approx(iron[1].provenance[key], abs=1e-10)
    assert iron[ranks].warnings == iron[1].warnings


@pytest.mark.parametrize("ranks", [3])
def test_ranks_agree_on_every_response_of_iron_to_the_last_digits(iron: Results, ranks: int) -> None:
    """Of each response's own maximum. Would hold to the last bit but the sums' if the cut did not know the ranks."""
    assert max(worst_difference(iron[1], iron[ranks]).values()) <= 1e-12


def test_one_rank_is_the_serial_answer(adaptive: Results, wannier_spin: Command, folder: Path) -> None:
    (folder / "in.toml").write_text(ADAPTIVE)
    assert wannier_spin("run", folder / "in.toml").code == 0
    assert max(worst_difference(ws.load(folder / "in.h5"), adaptive[1]).values()) <= 1e-13


def test_more_ranks_than_points(mpirun: Callable[..., str], folder: Path) -> None:
    meshes = ((1, 1, 1), (2, 1, 1), (2, 2, 1))
    for number, points in enumerate(meshes):
        text = SHEET.replace("[4, 4, 1]", f"{list(points)}\nshift = [0.3, 0.4, 0.0]")
        (folder / f"{number}.toml").write_text(text.replace("mu = 0.3", "mu = -2.0").replace("1000", "3000"))
    done = several(mpirun, 4, *(("run", folder / f"{number}.toml") for number in range(len(meshes))))
    assert [one.out.count("written to") for one in done] == [1] * len(meshes), done
    for number, points in enumerate(meshes):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ws.AccuracyWarning)  # mu lies above the few states of such a mesh
            serial = ws.compute(
                ws.load_model(folder / "sheet.h5"),
                ["spin_hall", "edelstein"],
                grid=points,
                shift=(0.3, 0.4, 0),
                mu=-2.0,
                temperature=3000,
                units="SI",
            )
        parallel = ws.load(folder / f"{number}.h5")
        for name, tensor in serial.items():
            assert np.abs(tensor.values - parallel[name].values).max() <= 1e-12 * np.abs(tensor.values).max()


def test_communicator_from_python(mpirun: Callable[..., str]) -> None:
    """Every rank gets the whole result."""
    code = """
        import numpy as np, wannier_spin as ws
        from mpi4py import MPI
        model = ws.models.get("weyl")
        keywords = dict(grid=(4, 4, 2), mu=[0.1, 0.3], temperature=1000)
        mine = ws.compute(model, "spin_hall", **keywords, comm=MPI.COMM_WORLD)["spin_hall"].values
        alone = ws.compute(model, "spin_hall", **keywords)["spin_hall"].values
        worst = MPI.COMM_WORLD.allreduce(np.abs(mine - alone).max() / np.abs(alone).max(), op=MPI.MAX)
        if MPI.COMM_WORLD.rank == 0:
            print("worst", worst)
    """
    output = mpirun(2, "-c", textwrap.dedent(code), timeout=60)
    assert float(output.split()[-1]) < 1e-12


# --- failures -----------------------------------------------------------------------------------------------------------

BREAK = """
import sys
from mpi4py import MPI
from wannier_spin import bloch, cli
from wannier_spin.errors import InputError
original = bloch.BlochSum.on_batch

def broken(self, *arguments):
    if MPI.COMM_WORLD.rank in ({ranks},):
        raise {error}("rank {{}} is on fire".format(MPI.COMM_WORLD.rank))
    return original(self, *arguments)

bloch.BlochSum.on_batch = broken
sys.argv = ["wannier-spin", *sys.argv[1:]]
cli.main()
"""


def ended(ranks: int, *arguments: str | Path) -> tuple[int, str, float]:
    """Exit code, output, seconds."""
    start = time.monotonic()
    done = launch(ranks, *arguments, timeout=45)
    return done.returncode, done.stdout, time.monotonic() - start


@pytest.mark.parametrize("failing", ["0", "2", "0, 1, 2"])
def test_a_failing_rank_ends_all(folder: Path, failing: str) -> None:
    """And it says why, always."""
    (folder / "run.py").write_text(BREAK.format(ranks=failing, error="ZeroDivisionError"))
    code, output, seconds = ended(3, folder / "run.py", "run", folder / "in.toml")
    assert code not in (0, 2), output
    assert seconds < 30
    assert f"rank {failing[0]} is on fire" in output or (len(failing) > 1 and "is on fire" in output)
    assert sorted(p.name for p in folder.iterdir()) == ["in.toml", "run.py", "sheet.h5"]


@pytest.mark.parametrize("failing", ["0", "1"])
def test_an_input_error_on_one_rank_is_one_message(folder: Path, failing: str) -> None:
    (folder / "run.py").write_text(BREAK.format(ranks=failing, error="InputError"))
    code, output, _ = ended(2, folder / "run.py", "run", folder / "in.toml")
    assert code == 2, output
    assert output.count("error: ") == 1, output
    assert f"rank {failing} is on fire" in output
    assert "Traceback" not in output


BAD = [
    (("mu = 0.3", "moo = 0.3"), "unknown key 'moo'"),
    (("sheet.h5", "shet.h5"), "shet.h5' does not exist"),
    (("sheet.h5", "Pt"), "Pt.chk'"),
    (("4, 4, 1", "4, 4, 4"), "not periodic"),
    (('"edelstein"', '"edelstien"'), "did you mean 'edelstein'"),
    (("mu = 0.3", "mu = 0.3\noutput = 'no/out.h5'"), "create it"),
]


def test_bad_input_is_one_message_and_exit_code_2(mpirun: Callable[..., str], folder: Path) -> None:
    for number, (change, _) in enumerate(BAD):
        (folder / f"{number}.toml").write_text(SHEET.replace(*change))
    before = set(folder.iterdir())
    for done, (_, part) in zip(several(mpirun, 3, *(("run", folder / f"{n}.toml") for n in range(len(BAD)))), BAD, strict=True):
        assert (done.code, done.out) == (2, ""), done
        assert done.err.count("error: ") == 1, done
        assert part in done.err
        assert "Traceback" not in done.err
    assert set(folder.iterdir()) == before


def test_output_that_only_rank_0_cannot_write(folder: Path) -> None:
    """Found at the end, after the folder has vanished."""
    code = """
        import shutil, sys
        from mpi4py import MPI
        from wannier_spin import cli
        from wannier_spin.results import ResultSet
        save = ResultSet.save
        def late(self, path):
            shutil.rmtree(path.parent)
            return save(self, path)
        ResultSet.save = late
        sys.argv = ["wannier-spin", *sys.argv[1:]]
        cli.main()
    """
    (folder / "out").mkdir()
    (folder / "run.py").write_text(textwrap.dedent(code))
    status, output, _ = ended(2, folder / "run.py", "run", folder / "in.toml", "-o", folder / "out" / "r.h5")
    assert status == 2, output
    assert output.count("error: ") == 1, output
    assert f"'{folder}/out' does not exist" in output


def test_input_file_that_one_rank_cannot_read(mpirun: Callable[..., str], folder: Path) -> None:
    """A file on a disk of the first node only, /tmp for instance."""
    code = """
        import sys
        from mpi4py import MPI
        from wannier_spin import cli
        sys.argv = ["wannier-spin", "run", sys.argv[1] if MPI.COMM_WORLD.rank == 0 else "/nothere.toml", "-o", sys.argv[2]]
        cli.main()
    """
    try:
        mpirun(2, "-c", textwrap.dedent(code), folder / "in.toml", folder / "r.h5", timeout=8, check=False)
    except subprocess.TimeoutExpired:
        pytest.fail("hangs")


@pytest.mark.parametrize("how", ["[grid]\npoints = [4, 6, 1]", "tolerance = 0.1"])
def test_ranks_agree_on_sites(mpirun: Callable[..., str], wannier_spin: Command, folder: Path, how: str) -> None:
    ws.models.get("pt_antiferromagnet").save(folder / "sheet.h5")
    text = SHEET.replace('"spin_hall"', '"nonlinear_drude_spin_magnetization"').replace("[grid]\npoints = [4, 4, 1]", how)
    (folder / "in.toml").write_text(text + "[sites]\nA = [1, 2]\nB = [3, 4]\n")
    mpirun(2, "-c", MPI_RUN, "run", folder / "in.toml", "-o", folder / "out.h5", timeout=60)
    assert wannier_spin("run", folder / "in.toml").code == 0
    found = [ws.load(folder / name) for name in ("in.h5", "out.h5")]
    for part in (lambda result: result.site("A"), lambda result: result.staggered("A", "B")):
        differences = worst_difference(*map(part, found))
        assert len(differences) == 2
        assert max(differences.values()) <= 1e-12


# --- runs with a tolerance ----------------------------------------------------------------------------------------------

ADAPTIVE = """
seedname = "sheet.h5"
responses = ["spin_hall", "edelstein"]
mu = [0.1, 0.3]
temperature = 300
tolerance = { relative = 2e-2, start = 4 }
"""
AT_ROUND = """
import os, signal, sys
from mpi4py import MPI
from wannier_spin import cli
from wannier_spin.cli import run as command
from wannier_spin.integrals import boxes as cells
from wannier_spin.errors import InputError
original, report, now = cells.CellIntegrand._box, command.report, [1]

def counted(reached):
    now[0] = reached.number + 1
    report(reached)

def _box(self, box):
    if now[0] == 5 and MPI.COMM_WORLD.rank == {rank}:
        {how}
    return original(self, box)

cells.CellIntegrand._box, command.report = _box, counted
sys.argv = ["wannier-spin", *sys.argv[1:]]
cli.main()
"""


def assert_same_boxes(a: ws.ResultSet, b: ws.ResultSet) -> None:
    for key in ("boxes", "rounds"):
        assert a.provenance[key] == b.provenance[key]


@pytest.mark.parametrize("ranks", [3])
def test_ranks_agree_on_adaptive_integrals(adaptive: Results, ranks: int) -> None:
    assert_same_boxes(adaptive[1], adaptive[ranks])
    assert adaptive[1].provenance["k_points_evaluated"] == adaptive[ranks].provenance["k_points_evaluated"]
    assert max(worst_difference(adaptive[1], adaptive[ranks]).values()) <= 1e-12


@pytest.mark.parametrize(("before", "after"), [(3, 2)])
def test_killed_and_resumed_on_another_number_of_ranks(
    mpirun: Callable[..., str], adaptive: Results, folder: Path, before: int, after: int
) -> None:
    (folder / "in.toml").write_text(ADAPTIVE)
    (folder / "run.py").write_text(AT_ROUND.format(rank=before - 1, how="os.kill(os.getpid(), signal.SIGKILL)"))
    code, output, _ = ended(before, folder / "run.py", "run", folder / "in.toml")
    assert code not in (0, 2), output
    assert (folder / "in.checkpoint.h5").exists(), output
    assert not (folder / "in.h5").exists()
    output = mpirun(after, "-c", MPI_RUN, "run", folder / "in.toml", "--resume", timeout=60)
    assert "round 4: " in output
    assert "round 3: " not in output
    found = ws.load(folder / "in.h5")
    assert_same_boxes(found, adaptive[1])
    for name, tensor in adaptive[1].items():
        assert np.abs(found[name].values - tensor.values).max() <= 1e-12 * np.abs(tensor.values).max()
    assert not (folder / "in.checkpoint.h5").exists()


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ('raise ZeroDivisionError("rank 1 is on fire")', 1, "rank 1 is on fire"),
        ('raise InputError("rank 1 is on fire")', 2, "rank 1 is on fire"),
        ("os.kill(os.getpid(), signal.SIGTERM)", 1, "stopped: told to stop; "),
    ],
)
def test_one_rank_ends_an_adaptive_run(folder: Path, how: str, code: int, message: str) -> None:
    """It fails, finds bad input, or is told to stop: all end with one message, and the checkpoint stays."""
    (folder / "in.toml").write_text(ADAPTIVE)
    (folder / "run.py").write_text(AT_ROUND.format(rank=1, how=how))
    found, output, seconds = ended(2, folder / "run.py", "run", folder / "in.toml")
    assert found == code, output
    assert seconds < 30
    assert output.count("error: ") + output.count("stopped: ") == 1, output
    assert message in output
    assert {p.name for p in folder.iterdir()} == {"in.checkpoint.h5", "in.toml", "run.py", "sheet.h5"}
