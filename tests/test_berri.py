"""Our responses inside `wannierberri.run`, against our own integrator and with symmetry; models to and from System_R.

What is compared: the same model and the same mesh, so that nothing but rounding errors may differ. Where irreducible
k-points are used, the models are first made exactly symmetric.
"""

import pickle
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cross_code.berri import quietly
from symmetry.structures import symmetric_models, tellurium

import wannier_spin as ws
from wannier_spin import InputError, TightBindingModel, compute, models
from wannier_spin.model import load_model
from wannier_spin.readers import read_structure
from wannier_spin.readers.projections import read_projections
from wannier_spin.symmetry import distinct, law_kind, magnetic_group, symmetrize_model, transform

with quietly():
    import wannierberri as wb

    from wannier_spin import berri
    from wannier_spin.berri import plugin
    from wannier_spin.berri.systems import bloch_matrices

LIMIT = 1e-10  # of the largest element
# The same for real crystals. Rounding errors of energies are multiplied by up to 1/gap^4, in every integrator: on the 6^3
# mesh of Fe, with gaps of 0.8 meV at the Fermi level, (14) from all and from irreducible k-points of our own differs by 8e-7.
CRYSTAL_LIMIT = 1e-9
STATIC = [name for name in ws.responses.names() if not ws.responses.get(name).dynamic]
cross_code = pytest.mark.cross_code


def integrate(system: Any, wanted: dict[str, Any], folder: Path, div: Any, fft: Any, **options: Any) -> dict[str, Any]:
    """Their run over div * fft points: name -> EnergyResult."""
    settings = {"use_irred_kpt": False, "symmetrize": False, "parallel": False, **options}
    with quietly():
        grid = wb.Grid(system, NKdiv=div, NKFFT=fft)
        names = {"fout_name": str(folder / "berri"), "file_Klist_path": str(folder / "K")}
        return wb.run(system, grid, wanted, **names, **settings).results


def ours(model: TightBindingModel, names: Any, grid: Any, mu: Any, temperature: Any, **options: Any) -> dict[str, np.ndarray]:
    with quietly():  # of coarse meshes
        result = compute(model, names, grid=grid, mu=mu, temperature=temperature, **options)
    return {name: tensor.values for name, tensor in result.items()}


def assert_same(found: dict[str, Any], expected: dict[str, np.ndarray], limit: float = LIMIT) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        scale = np.abs(values).max()
        assert scale > 0, name
        assert np.abs(found[name].data - values).max() < limit * scale, name


# --- calculators against our integrator ---------------------------------------------------------------------------


@cross_code
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"form": "paper", "units": "SI", "tau": 30.0},
        {"relaxation": "gao", "units": "SI", "channel": "charge"},
    ],
    ids=lambda options: " ".join(map(str, options.values())) or "default",
)
def test_every_static_response(options: dict[str, Any], tmp_path: Path) -> None:
    """No symmetry, a position matrix with everything in it, shifted and unshifted boxes of k-points."""
    model, mu, temperature = models.random_model(), [0.3, -0.5], [900.0, 2000.0]
    wanted = berri.calculators("all", Efermi=mu, temperature=temperature, **options)
    assert list(wanted) == STATIC
    found = integrate(berri.to_system_R(model), wanted, tmp_path, [2, 1, 3], [3, 5, 2])
    assert_same(found, ours(model, STATIC, (6, 5, 6), mu, temperature, **options))
    result = found["edelstein"]
    assert result.E_titles == ["Efermi", "temperature"]
    assert [list(axis) for axis in result.Energies] == [mu, temperature]


@cross_code
def test_sheet(tmp_path: Path) -> None:
    """The height of a sheet's cell enters nowhere."""
    model, names = models.random_model(periodic=(True, True, False)), ["edelstein", "nonlinear_extrinsic_spin_current"]
    model = replace(model, lattice=model.lattice * np.array([[1], [1], [7]]))
    wanted = berri.calculators(names, Efermi=0.1, temperature=900.0, units="SI")
    found = integrate(berri.to_system_R(model), wanted, tmp_path, [2, 1, 1], [3, 5, 1])
    assert_same(found, ours(model, names, (6, 5, 1), 0.1, 900.0, units="SI"))
    assert "A m V^-2" in found[names[1]].comment


@cross_code
def test_two_requests_in_one_run(tmp_path: Path) -> None:
    """Calculators that share nothing but the k-points do not see one another's sums."""
    model, temperatures = models.random_model(), {"cold": 300.0, "hot": 3000.0}
    wanted = {
        name: berri.calculators("spin_hall", Efermi=0.1, temperature=temperature)["spin_hall"]
        for name, temperature in temperatures.items()
    }
    found = integrate(berri.to_system_R(model), wanted, tmp_path, [1, 1, 1], [3, 3, 3])
    expected = {name: ours(model, "spin_hall", (3, 3, 3), 0.1, T)["spin_hall"] for name, T in temperatures.items()}
    assert_same(found, expected)
    assert np.abs(found["cold"].data - found["hot"].data).max() > 1e-3 * np.abs(found["hot"].data).max()


@cross_code
def test_batches_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, names = models.random_model(), ["spin_hall", "nonlinear_intrinsic_spin_current"]
    expected = ours(model, names, (3, 3, 3), 0.1, 900.0)
    monkeypatch.setattr(plugin, "BATCH_BYTES", 1.0)
    wanted = berri.calculators(names, Efermi=0.1, temperature=900.0)
    assert_same(integrate(berri.to_system_R(model), wanted, tmp_path, [1, 1, 1], [3, 3, 3]), expected)


@cross_code
def test_calculators_that_were_sent_elsewhere(tmp_path: Path) -> None:
    """Their parallel runs pickle the dictionary: the calculators still share one set of sums, and give the same."""
    model, names = models.random_model(), ["spin_hall", "edelstein"]
    wanted = pickle.loads(pickle.dumps(berri.calculators(names, Efermi=0.1, temperature=900.0)))
    assert wanted["spin_hall"].sums is wanted["edelstein"].sums
    found = integrate(berri.to_system_R(model), wanted, tmp_path, [1, 1, 1], [3, 3, 3])
    assert_same(found, ours(model, names, (3, 3, 3), 0.1, 900.0))


@cross_code
def test_refinement(tmp_path: Path) -> None:
    """A box that holds all of n^3 points, cut into eight: the mesh of (2n)^3 points k = (i + 1/2)/(2n)."""
    model = models.random_model()
    wanted = berri.calculators(["edelstein", "spin_hall"], Efermi=[0.0, 0.2], temperature=900.0)
    found = integrate(berri.to_system_R(model), wanted, tmp_path, [1, 1, 1], [3, 3, 3], adpt_num_iter=1)
    assert_same(found, ours(model, list(wanted), (6, 6, 6), [0.0, 0.2], 900.0, shift=(0.5, 0.5, 0.5)))


@cross_code
def test_beside_their_own_calculators(tmp_path: Path) -> None:
    """One run with their spin Hall conductivity, which takes our matrices from `to_system_R` by its own route."""
    from wannierberri.calculators import static

    model, mu = models.random_model(), np.linspace(-1.0, 1.0, 5)
    wanted: dict[str, Any] = berri.calculators("spin_hall", Efermi=mu, temperature=0, units="SI", degeneracy_tolerance=1e-7)
    wanted["theirs"] = static.SHC(Efermi=mu, degen_thresh=1e-7, kwargs_formula={"spin_current_type": "simple"})
    found = integrate(berri.to_system_R(model), wanted, tmp_path, [1, 1, 1], [4, 4, 4])
    expected = found.pop("theirs").data[:, None]
    assert_same(found, {"spin_hall": expected}, 1e-8)


@cross_code
def test_weyl_points_at_any_fermi_energies(tmp_path: Path) -> None:
    """Fermi energies at any distance and in any order (theirs must be equidistant); no position matrix."""
    model, mu = models.weyl(), [0.4, -0.1, 0.05]
    system = berri.to_system_R(model)
    assert system.force_internal_terms_only
    wanted = berri.calculators(["edelstein", "magnetic_spin_hall"], Efermi=mu, temperature=800.0)
    assert_same(integrate(system, wanted, tmp_path, [2, 2, 2], [3, 3, 3]), ours(model, list(wanted), (6, 6, 6), mu, 800.0))


# --- symmetry -----------------------------------------------------------------------------------------------------

CRYSTALS = {  # moments, mu, temperature, boxes along each direction
    "Fe": ([(0, 0, 2.2)], [17.5, 17.6048], 600.0, 4),
    "GaAs": (None, [7.0, 9.13], 1000.0, 3),
}
ALLOWED = {  # P (Fe), T (GaAs), PT (antiferromagnet) forbid the others
    "Fe": [
        *("magnetic_spin_hall", "spin_hall", "nonlinear_drude_spin_magnetization"),
        *("nonlinear_extrinsic_spin_magnetization", "nonlinear_intrinsic_spin_magnetization"),
    ],
    "GaAs": ["spin_hall", "nonlinear_drude_spin_current", "nonlinear_intrinsic_spin_current"],
    "antiferromagnet": ["spin_hall", "intrinsic_spin_magnetization", "nonlinear_extrinsic_spin_current"],
}
TIME_ODD = {"Fe": ALLOWED["Fe"][::2], "GaAs": [], "antiferromagnet": ALLOWED["antiferromagnet"][1:]}


def crystal(folder: Path, name: str) -> tuple[TightBindingModel, Any]:
    """A real model, averaged over its magnetic group, and its structure."""
    structure = read_structure(folder / name / f"{name}.win", CRYSTALS[name][0])
    model = load_model(folder / name / f"{name}.model.h5")
    projections = read_projections(folder / name / f"{name}.win")
    return symmetrize_model(model, projections, magnetic_group(structure).operations)[0], structure


def with_group(model: TightBindingModel, structure: Any) -> tuple[Any, int]:
    """System_R with its magnetic point group, and the number of operations."""
    operations = magnetic_group(structure).operations
    with quietly():
        system = berri.to_system_R(model)
        system.set_pointgroup(pointgroup=berri.point_group(operations, system.real_lattice))
    return system, len(distinct(operations))


@cross_code
@pytest.mark.parametrize("name", ["Fe", "GaAs"])
def test_crystal(name: str, example_inputs: Path, tmp_path: Path) -> None:
    """Irreducible k-points and all k-points, ours with and without symmetry: four ways to the same tensors."""
    model, structure = crystal(example_inputs, name)
    system, size = with_group(model, structure)
    assert system.pointgroup.size == size == {"Fe": 16, "GaAs": 48}[name]
    _, mu, temperature, div = CRYSTALS[name]
    wanted = berri.calculators(ALLOWED[name], Efermi=mu, temperature=temperature)
    reduced = integrate(system, wanted, tmp_path, [div] * 3, [2] * 3, use_irred_kpt=True, symmetrize=True)
    complete = integrate(system, wanted, tmp_path, [div] * 3, [2] * 3)
    grid = [2 * div] * 3
    assert_same(reduced, ours(model, ALLOWED[name], grid, mu, temperature, symmetry=structure), CRYSTAL_LIMIT)
    assert_same(complete, ours(model, ALLOWED[name], grid, mu, temperature), CRYSTAL_LIMIT)
    assert_same(reduced, {key: result.data for key, result in complete.items()}, CRYSTAL_LIMIT)
    assert [key for key in wanted if reduced[key].transformTR.factor == -1] == TIME_ODD[name]


@cross_code
@pytest.mark.parametrize("direction", ["", " x", " z"])
def test_antiferromagnet_with_pt(direction: str, tmp_path: Path) -> None:
    """A sheet with P*T (and rotations with and without T). A wrong sign under T would project these tensors to zero."""
    model, structure, size = symmetric_models()[f"pt_antiferromagnet{direction}"]
    system, _ = with_group(model, structure)
    assert system.pointgroup.size == size
    names = ALLOWED["antiferromagnet"]
    mu, temperature, grid, options = [-0.9, 0.3], [900.0], (6, 6, 1), {"units": "SI"}
    expected = ours(model, names, grid, mu, temperature, **options)
    wanted = berri.calculators(names, Efermi=mu, temperature=temperature, **options)
    found = integrate(system, wanted, tmp_path, [3, 3, 1], [2, 2, 1], use_irred_kpt=True, symmetrize=True)
    assert_same(found, expected)
    for name in TIME_ODD["antiferromagnet"]:  # the other sign leaves nothing, so the one above is seen
        wrong = replace_transforms(found[name], -found[name].transformTR.factor, found[name].transformInv.factor)
        assert np.abs(system.pointgroup.symmetrize(wrong).data).max() < 1e-12 * np.abs(expected[name]).max()


def replace_transforms(result: Any, time: int, space: int) -> Any:
    from wannierberri.result import EnergyResult
    from wannierberri.symmetry.point_symmetry import Transform

    return EnergyResult(
        Energies=result.Energies, data=result.data, transformTR=Transform(factor=time), transformInv=Transform(factor=space)
    )


@pytest.mark.parametrize("channel", ["spin", "charge"])
@pytest.mark.parametrize("name", STATIC)
def test_transforms_are_those_of_our_projector(name: str, channel: Any) -> None:
    """A random tensor under every operation of 6/mmm1' (with and without P, T): theirs with our signs, and ours."""
    calculator = berri.calculators(name, Efermi=[0.0], temperature=300.0, channel=channel)[name]
    time, space = (transformation.factor for transformation in calculator.transforms)
    record = ws.responses.get(name)
    kind = law_kind(record.channel_tensor(channel), record.tau_power)
    tensor = np.random.default_rng(0).normal(size=(1, 1, *(3,) * kind.rank))
    axes = [np.zeros(1), np.zeros(1)]
    _, structure, _ = symmetric_models()["kane_mele 6/mmm1'"]
    operations = magnetic_group(structure).point_operations
    assert len(operations) == 48

    from wannierberri.result import EnergyResult
    from wannierberri.symmetry.point_symmetry import PointSymmetry, Transform

    result = EnergyResult(axes, tensor, transformTR=Transform(factor=time), transformInv=Transform(factor=space))
    for operation in operations:
        theirs = result.transform(PointSymmetry(operation.rotation, operation.time_reversal)).data
        assert np.abs(theirs - transform(tensor, kind, operation)).max() < 1e-12


def test_point_group_of_a_rounded_lattice() -> None:
    """Lattice vectors as a file has them; wannierberri multiplies the rotations until the group is closed to 1e-12."""
    structure = tellurium()
    rounded = replace(structure, lattice=np.round(structure.lattice, 6))
    assert (rounded.lattice != structure.lattice).any()
    operations = magnetic_group(rounded).operations
    group = berri.point_group(operations, rounded.lattice)
    assert group.size == len(distinct(operations)) == 12
    assert sum(symmetry.TR for symmetry in group.symmetries) == 6


def test_group_of_another_lattice_is_refused() -> None:
    _, structure, _ = symmetric_models()["kane_mele 6/mmm1'"]
    with pytest.raises(InputError, match="refuses these .* operations for this lattice"):
        berri.point_group(magnetic_group(structure).operations, np.diag([1.0, 1.1, 1.0]))


# --- converters ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [models.random_model(), models.random_model(periodic=(True, True, False)), models.kane_mele(), models.zincblende()],
    ids=lambda model: model.name,
)
def test_round_trip(model: TightBindingModel) -> None:
    found = berri.from_system_R(berri.to_system_R(model))
    assert found.periodic == model.periodic
    assert found.name == model.name
    for key in ("lattice", "R_vectors", "hamiltonian_R", "spin_R", "centres"):
        assert (getattr(found, key) == getattr(model, key)).all(), key
    assert (found.position_R is None) == (model.position_R is None)
    if model.position_R is not None and found.position_R is not None:
        assert np.abs(found.position_R - model.position_R).max() < 1e-15


def test_their_matrices_are_copies() -> None:
    model = models.random_model()
    before = model.hamiltonian_R.copy()
    system = berri.to_system_R(model)
    for name in ("Ham", "AA", "SS"):
        system.get_R_mat(name)[:] = 0
    assert (model.hamiltonian_R == before).all()
    assert np.abs(model.position_R).max() > 0
    assert np.abs(model.spin_R).max() > 0


def test_charge_only_model() -> None:
    system = berri.to_system_R(replace(models.random_model(), spin_R=None))
    assert not system.has_R_mat("SS")
    assert berri.from_system_R(system).spin_R is None


RASHBA = {  # (i, j, R): spin matrix; four bands on a sheet, two sites inside the cell
    (0, 0, (0, 0)): np.array([[0.3, 0.1], [0.1, -0.2]]),
    (1, 1, (0, 0)): np.array([[-0.1, 0.2j], [-0.2j, 0.4]]),
    (0, 1, (0, 0)): np.array([[0.5, 0.1j], [0.2, 0.4]]),
    (0, 0, (1, 0)): np.array([[-0.3, 0.2], [-0.25, -0.2j]]),
    (1, 0, (0, 1)): np.array([[0.4, -0.1], [0.3j, 0.35]]),
}
SITES = [[0.1, 0.2], [0.6, 0.45]]
CELL = np.array([[1.2, 0.0], [0.3, 1.1]])


def sheet() -> TightBindingModel:
    lattice = np.eye(3)
    lattice[:2, :2] = CELL
    return models.from_hoppings(lattice=lattice, sites=SITES, hoppings=RASHBA, periodic=(True, True, False))


def assert_same_sheet(system: Any) -> None:
    names = ["edelstein", "spin_hall", "nonlinear_drude_spin_current"]
    found = ours(berri.from_system_R(system), names, (6, 5, 1), 0.1, 900.0)
    expected = ours(sheet(), names, (6, 5, 1), 0.1, 900.0)
    for name, values in expected.items():
        assert np.abs(values).max() > 0
        assert np.abs(found[name] - values).max() < LIMIT * np.abs(values).max(), name


def test_pythtb() -> None:
    """A PythTB model with spin through wannierberri is the model of the same hoppings."""
    with quietly():
        pythtb = pytest.importorskip("pythtb")
        model = pythtb.tb_model(2, 2, CELL, SITES, nspin=2)
        model.set_onsite([RASHBA[i, i, (0, 0)] for i in range(2)])
        for (i, j, R), matrix in RASHBA.items():
            if i != j or any(R):
                model.set_hop(matrix, i, j, list(R))
        system = wb.System_R.from_pythtb(model, spin=True)
    assert_same_sheet(system)


def test_tbmodels() -> None:
    """A TBmodels model knows no spin: wannierberri is told which functions are pairs."""
    with quietly():
        tbmodels = pytest.importorskip("tbmodels")
        model = tbmodels.Model(dim=2, occ=2, pos=np.repeat(SITES, 2, axis=0), uc=CELL, contains_cc=False, size=4)
        for (i, j, R), matrix in RASHBA.items():
            half = 0.5 if i == j and not any(R) else 1.0  # it adds the Hermitian conjugate of everything
            for s in range(2):
                for t in range(2):
                    model.add_hop(half * matrix[s, t], 2 * i + s, 2 * j + t, R)
        system = wb.System_R.from_tbmodels(model)
        system.set_spin_interlaced()
    assert_same_sheet(system)


# --- what users may get wrong -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "changes", "message"),
    [
        ("spin_hal", {}, "did you mean 'spin_hall'"),
        ("displacement_spin_current", {}, "depends on the frequency; choose from magnetic_spin_hall"),
        ([], {}, "no response was asked for"),
        ("spin_hall", {"units": "cgs"}, "units = 'cgs' is not available"),
        ("spin_hall", {"channel": "orbital"}, "channel = 'orbital' is not available"),
        ("spin_hall", {"form": "half"}, "form = 'half' is not available"),
        ("spin_hall", {"spin_current": "ryoo"}, "spin_current = 'ryoo' is not available inside wannierberri.run, only 'simple'"),
        ("spin_hall", {"relaxation": "none"}, "relaxation = 'none' is not available"),
        ("edelstein", {"relaxation": "static"}, "has no terms with tau: leave out edelstein"),
        ("spin_hall", {"Efermi": [0.1, np.nan]}, "mu must be a number or a list of finite numbers"),
        ("spin_hall", {"Efermi": "E_F"}, "mu must be a number"),
        ("spin_hall", {"temperature": -1}, "must not be negative"),
        ("nonlinear_intrinsic_spin_current", {"temperature": 0}, r"0 K with Fermi-surface terms \(F\)"),
        ("nonlinear_intrinsic_spin_current", {"temperature": [300, 0]}, r"0 K with Fermi-surface terms \(F\)"),
        ("nonlinear_intrinsic_spin_current", {"temperature": [0, 300]}, r"0 K with Fermi-surface terms \(F\)"),
        ("edelstein", {"tau": [1.0, 2.0]}, r"tau = \[1.0, 2.0\]: expected one number"),
        ("edelstein", {"tau": 0}, "tau must be positive, found 0"),
        ("edelstein", {"degeneracy_tolerance": -1.0}, "degeneracy_tolerance = -1.0, expected a positive energy"),
    ],
)
def test_requests_that_make_no_sense(names: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        berri.calculators(names, **({"Efermi": [0.0], "temperature": 300.0} | changes))


@pytest.mark.parametrize(("missing", "advice"), [("AA", "berry=True"), ("SS", "spin=True")])
def test_missing_matrices(missing: str, advice: str, tmp_path: Path) -> None:
    """Without its position matrix a Wannier model would give other numbers, not an error of wannierberri."""
    system = berri.to_system_R(models.random_model())
    system.clear_R_mat(missing)
    with pytest.raises(InputError, match=advice):
        integrate(system, berri.calculators("spin_hall", Efermi=0.0, temperature=300.0), tmp_path, [1] * 3, [2] * 3)


def test_operators_that_their_run_does_not_sum() -> None:
    """Of all operators a run of theirs has the spin."""
    system = berri.to_system_R(models.random_model())
    with pytest.raises(InputError, match=r"operator 'torque' is not there inside wannierberri.run; take compute\("):
        bloch_matrices(SimpleNamespace(system=system), False, ["spin", "torque"])


def test_other_systems(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a System_R of wannierberri, found dict"):
        berri.from_system_R({})
    system = wb.SystemKP(Ham=lambda k: np.eye(2), kmax=1.0)
    with pytest.raises(InputError, match="found SystemKP"):
        integrate(system, berri.calculators("spin_hall", Efermi=0.0, temperature=300.0), tmp_path, [1] * 3, [2] * 3)


def test_models_that_have_no_system() -> None:
    with pytest.raises(InputError, match="found KPModel"):
        berri.to_system_R(models.massive_dirac())  # type: ignore[arg-type]
    model = replace(models.random_model(), periodic=(True, True, False))
    with pytest.raises(InputError, match="along a direction that is not periodic"):
        berri.to_system_R(model)


def test_an_old_wannierberri_is_named():
    """Of 26.7, which reads files but has no matrices by name in `run`."""
    from wannier_spin import berri

    berri.check_version("26.10")
    berri.check_version("27.1.0")
    for old in ("26.7.0", "1.8.0", "not installed"):
        with pytest.raises(InputError, match=f"need wannierberri 26.10 or newer, found {old}"):
            berri.check_version(old)
