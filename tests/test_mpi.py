"""Ranks: the answer does not depend on how many there are, one line is printed, and a failure ends all of them."""

import os
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

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
RANDOM = """
seedname = "random.h5"
responses = "all"
mu = [-0.5, 0.0]
temperature = [1000, 3000]
omega = [0.1, 0.2]
broadening = 0.05
[grid]
points = [4, 6, 4]
"""
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


def _run(mpirun: Callable[..., str], folder: Path, text: str) -> Results:
    """One rank and three; each run prints its summary once. (More numbers of ranks, to the bit: test_bits.)"""
    (folder / "in.toml").write_text(text)
    results = {}
    for ranks in (1, 3):
        output = mpirun(ranks, "-c", MPI_RUN, "run", folder / "in.toml", "-o", folder / f"{ranks}.h5", timeout=120)
        assert output.count("written to") == 1, output
        assert output.count("largest components") == 1, output
        results[ranks] = ws.load(folder / f"{ranks}.h5")
    assert {p.name for p in folder.iterdir()} - {"random.h5"} == {"1.h5", "3.h5", "in.toml"}
    return results


@pytest.fixture(scope="module")
def iron(mpirun: Callable[..., str], example_inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """All responses of iron on 4x4x4 points."""
    return _run(mpirun, tmp_path_factory.mktemp("iron"), IRON.format(example_inputs / "Fe" / "Fe.model.h5"))


@pytest.fixture(scope="module")
def random(mpirun: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Results:
    """All responses of a model without symmetry."""
    folder = tmp_path_factory.mktemp("random")
    ws.models.random_model(n=6, seed=2).save(folder / "random.h5")
    return _run(mpirun, folder, RANDOM)


@pytest.mark.parametrize("ranks", [3])
def test_ranks_agree(random: Results, ranks: int) -> None:
    for name, difference in worst_difference(random[1], random[ranks]).items():
        assert difference <= 1e-12, name


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


def test_one_rank_is_the_serial_answer(random: Results, tmp_path: Path) -> None:
    ws.models.random_model(n=6, seed=2).save(tmp_path / "random.h5")
    (tmp_path / "in.toml").write_text(RANDOM)
    command = [sys.executable, "-c", MPI_RUN, "run", tmp_path / "in.toml"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=120)
    serial = ws.load(tmp_path / "in.h5")
    assert max(worst_difference(serial, random[1]).values()) <= 1e-13


@pytest.mark.parametrize(("ranks", "points"), [(3, "1, 1, 1"), (4, "2, 2, 1")])
def test_more_ranks_than_points(mpirun: Callable[..., str], folder: Path, ranks: int, points: str) -> None:
    text = SHEET.replace("[4, 4, 1]", f"[{points}]\nshift = [0.3, 0.4, 0.0]")
    (folder / "in.toml").write_text(text.replace("mu = 0.3", "mu = -2.0").replace("1000", "3000"))
    output = mpirun(ranks, "-c", MPI_RUN, "run", folder / "in.toml", timeout=60)
    assert output.count("written to") == 1
    grid = tuple(int(n) for n in points.split(","))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ws.AccuracyWarning)  # mu lies above the few states of such a mesh
        serial = ws.compute(
            ws.load_model(folder / "sheet.h5"),
            ["spin_hall", "edelstein"],
            grid=grid,
            shift=(0.3, 0.4, 0),
            mu=-2.0,
            temperature=3000,
            units="SI",
        )
    parallel = ws.load(folder / "in.h5")
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


def _launch(mpirun: Callable[..., str], ranks: int, *arguments: str | Path) -> tuple[int, str, float]:
    """Exit code, output, seconds; a run that hangs fails the test by its timeout."""
    beside = Path(sys.executable).parent / "mpirun"
    launcher = str(beside) if beside.is_file() else "mpirun"
    start = time.monotonic()
    done = subprocess.run(
        [launcher, "-n", str(ranks), sys.executable, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=45,
        env=os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"},
    )
    return done.returncode, done.stdout, time.monotonic() - start


@pytest.mark.parametrize("failing", ["0", "2", "0, 1, 2"])
def test_a_failing_rank_ends_all(mpirun: Callable[..., str], folder: Path, failing: str) -> None:
    (folder / "run.py").write_text(BREAK.format(ranks=failing, error="ZeroDivisionError"))
    code, output, seconds = _launch(mpirun, 3, folder / "run.py", "run", folder / "in.toml")
    assert code not in (0, 2), output
    assert seconds < 30
    assert sorted(p.name for p in folder.iterdir()) == ["in.toml", "run.py", "sheet.h5"]


def test_a_failing_rank_says_why(mpirun: Callable[..., str], folder: Path) -> None:
    (folder / "run.py").write_text(BREAK.format(ranks="2", error="ZeroDivisionError"))
    for _ in range(2):
        assert "rank 2 is on fire" in _launch(mpirun, 3, folder / "run.py", "run", folder / "in.toml")[1]


@pytest.mark.parametrize("failing", ["0", "2"])
def test_an_input_error_on_one_rank_is_one_message(mpirun: Callable[..., str], folder: Path, failing: str) -> None:
    (folder / "run.py").write_text(BREAK.format(ranks=failing, error="InputError"))
    code, output, _ = _launch(mpirun, 3, folder / "run.py", "run", folder / "in.toml")
    assert code == 2, output
    assert output.count("error: ") == 1, output
    assert f"rank {failing} is on fire" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (("mu = 0.3", "moo = 0.3"), "unknown key 'moo'"),
        (("sheet.h5", "shet.h5"), "shet.h5' does not exist"),
        (("sheet.h5", "Pt"), "Pt.chk'"),
        (("4, 4, 1", "4, 4, 4"), "not periodic"),
        (('"edelstein"', '"edelstien"'), "did you mean 'edelstein'"),
        (("mu = 0.3", "mu = 0.3\noutput = 'no/out.h5'"), "create it"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    mpirun: Callable[..., str], folder: Path, change: tuple[str, str], part: str
) -> None:
    (folder / "in.toml").write_text(SHEET.replace(*change))
    code, output, _ = _launch(mpirun, 3, "-c", MPI_RUN, "run", folder / "in.toml")
    assert code == 2, output
    assert output.count("error: ") == 1, output
    assert part in output
    assert "Traceback" not in output
    assert sorted(p.name for p in folder.iterdir()) == ["in.toml", "sheet.h5"]


def test_output_that_only_rank_0_cannot_write(mpirun: Callable[..., str], folder: Path) -> None:
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
    status, output, _ = _launch(mpirun, 2, folder / "run.py", "run", folder / "in.toml", "-o", folder / "out" / "r.h5")
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
def test_ranks_agree_on_sites(mpirun: Callable[..., str], folder: Path, how: str) -> None:
    ws.models.get("pt_antiferromagnet").save(folder / "sheet.h5")
    text = SHEET.replace('"spin_hall"', '"nonlinear_drude_spin_magnetization"').replace("[grid]\npoints = [4, 4, 1]", how)
    (folder / "in.toml").write_text(text + "[sites]\nA = [1, 2]\nB = [3, 4]\n")
    found = []
    for ranks in (1, 2):
        mpirun(ranks, "-c", MPI_RUN, "run", folder / "in.toml", "-o", folder / "out.h5", timeout=60)
        found.append(ws.load(folder / "out.h5"))
    for part in (lambda result: result.site("A"), lambda result: result.staggered("A", "B")):
        differences = worst_difference(*map(part, found))
        assert len(differences) == 2
        assert max(differences.values()) <= 1e-12


def test_other_commands_print_once(mpirun: Callable[..., str], folder: Path) -> None:
    output = mpirun(2, "-c", MPI_RUN, "responses", timeout=60)
    assert output.count("magnetic_spin_hall") == 1


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


@pytest.fixture(scope="module")
def adaptive(mpirun: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Results:
    """One rank, two and four."""
    folder = tmp_path_factory.mktemp("adaptive")
    ws.models.get("rashba_exchange").save(folder / "sheet.h5")
    (folder / "in.toml").write_text(ADAPTIVE)
    results = {}
    for ranks in (1, 2, 4):
        output = mpirun(ranks, "-c", MPI_RUN, "run", folder / "in.toml", "-o", folder / f"{ranks}.h5", timeout=60)
        results[ranks] = ws.load(folder / f"{ranks}.h5")
        assert output.count("round ") == results[ranks].provenance["rounds"][0], output
        assert output.count("written to") == 1, output
    assert {p.name for p in folder.iterdir()} == {"1.h5", "2.h5", "4.h5", "in.toml", "sheet.h5"}
    return results


def assert_same_boxes(a: ws.ResultSet, b: ws.ResultSet) -> None:
    for key in ("boxes", "rounds"):
        assert a.provenance[key] == b.provenance[key]


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_agree_on_adaptive_integrals(adaptive: Results, ranks: int) -> None:
    assert_same_boxes(adaptive[1], adaptive[ranks])
    assert adaptive[1].provenance["k_points_evaluated"] == adaptive[ranks].provenance["k_points_evaluated"]
    assert max(worst_difference(adaptive[1], adaptive[ranks]).values()) <= 1e-12


@pytest.mark.parametrize(("before", "after"), [(3, 2), (2, 1)])
def test_killed_and_resumed_on_another_number_of_ranks(
    mpirun: Callable[..., str], adaptive: Results, folder: Path, before: int, after: int
) -> None:
    (folder / "in.toml").write_text(ADAPTIVE)
    (folder / "run.py").write_text(AT_ROUND.format(rank=before - 1, how="os.kill(os.getpid(), signal.SIGKILL)"))
    code, output, _ = _launch(mpirun, before, folder / "run.py", "run", folder / "in.toml")
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
def test_one_rank_ends_an_adaptive_run(mpirun: Callable[..., str], folder: Path, how: str, code: int, message: str) -> None:
    """It fails, finds bad input, or is told to stop: all end with one message, and the checkpoint stays."""
    (folder / "in.toml").write_text(ADAPTIVE)
    (folder / "run.py").write_text(AT_ROUND.format(rank=1, how=how))
    found, output, seconds = _launch(mpirun, 3, folder / "run.py", "run", folder / "in.toml")
    assert found == code, output
    assert seconds < 30
    assert output.count("error: ") + output.count("stopped: ") == 1, output
    assert message in output
    assert {p.name for p in folder.iterdir()} == {"in.checkpoint.h5", "in.toml", "run.py", "sheet.h5"}
