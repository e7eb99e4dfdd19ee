"""compute(symmetry=...): irreducible points and projection give what the whole mesh gives, and nothing that is forbidden."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from rounding import same
from symmetry.structures import NONE, neel_pair, symmetric_models, with_moments

from wannier_spin import InputError, compute, load, load_model, models, read_structure, read_wannier90, responses
from wannier_spin.integrals.densities.kinds import response_kinds
from wannier_spin.responses import RESPONSES
from wannier_spin.symmetry import allowed, law_kind, magnetic_group, project
from wannier_spin.units import BOLTZMANN

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse meshes, gaps below kT: identities

MODELS = symmetric_models()
TOLERANCE = 1e-10
FLOOR = 1e-11  # rounding of what vanishes; everything else here is 1e-5 and larger
MU, KT, OMEGA = (-1.1, 0.3), 0.3, (0.15, 0.4)


def grid_of(model, n):
    return tuple(n if along else 1 for along in model.periodic)


OTHER_T_PARITY = ("AC2", "L1", "L1dir", "INJ2", "SH2")  # of the blocks of a dynamic response, than the others


def run(model, structure=None, names="all", **options):
    grid = options.pop("grid", None) or grid_of(model, options.pop("n", 4))
    defaults = {"mu": MU, "temperature": KT / BOLTZMANN, "omega": OMEGA}
    return compute(model, names, grid=grid, symmetry=structure, **(defaults | options))


def projected(raw, operations):
    """Blocks of a result without symmetry, projected on what the group allows: {(response, block): tensor}."""
    found = {}
    for name, tensor in raw.items():
        record = RESPONSES[name]
        kind = law_kind(record.channel_tensor(tensor.channel), record.tau_power)
        for block, value in tensor.blocks.items():
            odd = record.dynamic and block in OTHER_T_PARITY
            found[name, block] = project(value, replace(kind, time_parity=-kind.time_parity) if odd else kind, operations)
    return found


def blocks(result):
    return {(name, block): value for name, tensor in result.items() for block, value in tensor.blocks.items()}


def assert_close(found, expected, raw, tolerance=TOLERANCE):
    """Relative to the largest element of the block before projection."""
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert np.abs(found[key] - value).max() <= tolerance * np.abs(raw[key]).max() + FLOOR, key


def operations_of(name):
    return magnetic_group(MODELS[name][1]).point_operations


@pytest.mark.parametrize("name", MODELS)
def test_structures_have_the_groups_of_the_models(name):
    assert len(operations_of(name)) == MODELS[name][2]


ODD = ["rashba 4m'm'", "kagome +"]


@pytest.mark.parametrize(("name", "n", "broadening"), [(name, 4, 0.1) for name in MODELS] + [(name, 3, 0.0) for name in ODD])
def test_irreducible_sum_is_the_whole_sum(name, n, broadening):
    """All responses, with absorption and broadened gaps and without, odd and even meshes. The raw sum has the symmetry already."""
    model, structure, _ = MODELS[name]
    options = {"n": n, "broadening": broadening, "gap_broadening": 2 * broadening}
    raw, reduced = run(model, **options), run(model, structure, **options)
    whole = run(model, structure, reduce_k=False, **options)
    expected = projected(raw, operations_of(name))
    assert_close(blocks(whole), expected, blocks(raw))
    assert_close(blocks(reduced), expected, blocks(raw))
    for key, value in blocks(raw).items():  # exactly symmetric: the projection takes nothing away but rounding
        assert np.abs(expected[key] - value).max() <= 1e-9 * np.abs(value).max() + FLOOR, key
    points, all_points = reduced.provenance["k_points_evaluated"], whole.provenance["k_points_evaluated"]
    assert all_points == np.prod(grid_of(model, n))
    assert points < all_points or (name == "pt_antiferromagnet" and points == all_points)  # PT alone leaves k where it is
    for key, tensor in whole.items():
        assert reduced[key].residual is None
        assert np.abs(tensor.residual).max() <= 1e-9 * np.abs(tensor.values).max() + FLOOR
        assert np.isfinite(tensor.error).all()  # the error bar, too
        assert np.abs(reduced[key].error - tensor.error).max() <= TOLERANCE * np.abs(raw[key].error).max() + FLOOR, key


SHIFTED = ["rashba 4m'm'", "kane_mele 3m'", "pt_antiferromagnet x", "weyl 42'2'", "zincblende -43m1'"]


@pytest.mark.parametrize("shift", [(0.5, 0.5, 0.5), (0.5, 0, 0), (0.13, 0.29, 0)])
@pytest.mark.parametrize("name", SHIFTED)
def test_irreducible_sum_of_a_shifted_mesh(name, shift):
    """The mesh loses operations, the projection uses all of them: still the same."""
    model, structure, _ = MODELS[name]
    shift = tuple(s if along else 0 for s, along in zip(shift, model.periodic, strict=True))
    options = {"shift": shift, "names": ["spin_hall", "edelstein", "nonlinear_extrinsic_spin_current"]}
    raw, reduced = run(model, **options), run(model, structure, **options)
    assert_close(blocks(reduced), projected(raw, operations_of(name)), blocks(raw))


@pytest.mark.parametrize("grid", [(5, 5, 1), (6, 4, 1), (3, 5, 1)])
def test_irreducible_sum_of_unequal_meshes(grid):
    for name in ("rashba 4m'm'", "altermagnet 4'mm'"):
        model, structure, _ = MODELS[name]
        raw, reduced = run(model, grid=grid), run(model, structure, grid=grid)
        assert_close(blocks(reduced), projected(raw, operations_of(name)), blocks(raw))


@pytest.mark.parametrize("name", ["weyl 42'2'", "kane_mele 3m'"])
def test_charge_channel(name):
    model, structure, _ = MODELS[name]
    raw, reduced = run(model, channel="charge"), run(model, structure, channel="charge")
    assert_close(blocks(reduced), projected(raw, operations_of(name)), blocks(raw))


def test_result_does_not_depend_on_the_size_of_the_blocks(monkeypatch):
    monkeypatch.setattr("wannier_spin.integrals.mesh.LEAST_BATCHES", 1)  # the memory decides
    model, structure, _ = MODELS["weyl 42'2'"]
    with pytest.raises(InputError, match="is the least") as refused:
        run(model, structure, n=6, memory=1e-9)
    least = float(str(refused.value).partition("points: ")[2].split()[0])
    sizes, found = [], []
    for memory in (1.0, 1.01 * least):
        seen = []
        found.append(run(model, structure, n=6, memory=memory, progress=lambda done, total, seen=seen: seen.append(total)))
        sizes.append(seen[-1])
    assert sizes[0] < sizes[1]
    assert_close(blocks(found[0]), blocks(found[1]), blocks(found[0]), 1e-12)


def test_further_blocks_are_projected():
    model, structure, _ = MODELS["rashba 4m'm'"]
    options = {"names": ["magnetic_spin_hall", "edelstein"], "blocks": ("L1surf",)}
    raw, reduced = run(model, **options), run(model, structure, **options)
    assert ("edelstein", "L1surf") in blocks(reduced)
    assert_close(blocks(reduced), projected(raw, operations_of("rashba 4m'm'")), blocks(raw))


# What symmetry leaves


def components_of(form):
    return {name.replace(";", "") for name in (*form.independent, *form.relations)}


@pytest.mark.parametrize("name", ["rashba 4m'm'", "kane_mele 3m'", "pt_antiferromagnet x", "kagome -", "zincblende -43m1'"])
def test_forbidden_components_vanish_and_allowed_ones_do_not(name):
    """Also on a mesh that breaks the symmetry: zero to rounding. Without absorption cos and sin parts have a form each."""
    model, structure, _ = MODELS[name]
    operations = operations_of(name)
    shift = tuple(0.3 if along else 0 for along in model.periodic)
    result = run(model, structure, shift=shift, reduce_k=False, form="paper")
    seen = 0
    for record in RESPONSES.values():
        tensor = result[record.name]
        parts = np.moveaxis(tensor.values, 3, 0) if record.dynamic else [tensor.values]
        if record.name.startswith("ac_"):
            parts = [tensor.at(combination=dict.fromkeys(names, 1)).values for names in (("L0", "AC1"), ("L1", "AC2"))]
        gone = np.abs(tensor.residual).max()
        for values, kind in zip(parts, response_kinds(record).values(), strict=True):
            form = allowed(kind, operations)
            scale = max(np.abs(tensor.values).max(), gone)
            for index in np.ndindex(*(3,) * kind.rank):
                component = "".join("xyz"[i] for i in index)
                size = np.abs(values[(..., *index)]).max()
                if component not in components_of(form):
                    assert size <= 1e-13 * scale, (record.name, component)
                    seen += gone > 1e-6
    assert seen > 20


def test_residual_is_what_the_projection_removes():
    model, structure, _ = MODELS["rashba 4m'm'"]
    shift = (0.3, 0.1, 0)
    raw, whole = run(model, shift=shift), run(model, structure, shift=shift, reduce_k=False)
    removed = 0
    for name, tensor in whole.items():
        assert np.abs(tensor.values + tensor.residual - raw[name].values).max() <= 1e-14 * max(1, np.abs(raw[name].values).max())
        removed += np.abs(tensor.residual).max() > 1e-4
    assert removed > 6
    assert all(tensor.residual is None for tensor in raw.values())
    assert all(tensor.residual is None for tensor in run(model, structure, shift=shift).values())


def test_residual_in_a_file(tmp_path):
    model, structure, _ = MODELS["rashba 4m'm'"]
    result = run(model, structure, shift=(0.3, 0.1, 0), reduce_k=False, names=["edelstein", "spin_hall"])
    loaded = load(result.save(tmp_path / "r.h5"))
    for name, tensor in result.items():
        assert np.array_equal(loaded[name].residual, tensor.residual)
    assert loaded.provenance["symmetry"] == result.provenance["symmetry"]
    reduced = run(model, structure, names=["edelstein"])
    assert load(reduced.save(tmp_path / "s.h5"))["edelstein"].residual is None


@pytest.mark.parametrize("change", [{"tau": 10.0}, {"units": "SI"}], ids=str)
def test_residual_follows_tau_and_units(change):
    model, structure, _ = MODELS["rashba 4m'm'"]
    tensor = run(model, structure, shift=(0.3, 0.1, 0), reduce_k=False, names=["edelstein"])["edelstein"]
    changed = tensor.at(**change)
    factor = np.abs(changed.values).max() / np.abs(tensor.values).max()
    assert np.abs(changed.residual).max() == pytest.approx(factor * np.abs(tensor.residual).max(), rel=1e-9, abs=0)


def test_provenance():
    model, structure, _ = MODELS["pt_antiferromagnet x"]
    found = run(model, structure, names=["spin_hall"]).provenance["symmetry"]
    group = magnetic_group(structure)
    assert (found["bns_number"], found["uni_number"], found["operations"]) == (group.bns_number, group.uni_number, 8)
    assert found["space_group"] == group.space_group
    assert (found["P"], found["T"], found["PT"]) == (False, False, True)
    assert 0 <= found["band_residual_eV"] < 1e-12
    assert 0 <= found["spin_residual"] < 1e-12
    assert run(model, names=["spin_hall"]).provenance["symmetry"] == "none used"


# Reversal of all moments


REVERSED = {
    "rashba": lambda s: models.rashba_exchange(exchange=(s * 0.25, s * 0.15, s * 0.45)),
    "kane_mele": lambda s: models.kane_mele(rashba=0.1, sublattice=0.2, exchange=(s * 0.1, 0, s * 0.3)),
    "kagome": lambda s: models.kagome_mn3sn(soc=0.2, canting=s * 0.1, angle=0.3 + np.pi * (s < 0)),
    "antiferromagnet": lambda s: models.pt_antiferromagnet(direction=(s * 0.6, s * 0.3, s * 0.742)),
}


@pytest.mark.parametrize("name", REVERSED)
def test_reversal_of_all_moments(name):
    """T-odd tensors flip, T-even ones stay: exactly, on a mesh that contains -k with each k."""
    before, after = (run(REVERSED[name](s)) for s in (+1, -1))
    flipped = stayed = 0
    for key, raw in before.items():
        record = RESPONSES[key]
        for block, value in raw.blocks.items():
            parity = record.tensor.time_parity(record.tau_power) * (-1 if record.dynamic and block in OTHER_T_PARITY else 1)
            scale = np.abs(value).max()
            assert np.abs(after[key].blocks[block] - parity * value).max() <= TOLERANCE * scale + FLOOR, (key, block)
            flipped += parity < 0 and scale > 1e-6
            stayed += parity > 0 and scale > 1e-6
    assert flipped > 2
    assert stayed > 2


def test_reversed_moments_have_the_same_group():
    model, structure, _ = MODELS["kane_mele 3m'"]
    back = with_moments(structure, -structure.magnetic_moments)
    first, second = run(model, structure, names=["spin_hall"]), run(model, back, names=["spin_hall"])
    assert same(first["spin_hall"].values, second["spin_hall"].values)


# Refusals


def test_wrong_groups_are_refused():
    model, structure, _ = MODELS["rashba 4m'm'"]
    for wrong in (with_moments(structure, [NONE, NONE]), with_moments(structure, [(1, 0, 0), NONE])):
        with pytest.raises(InputError, match="are the magnetic moments right"):
            run(model, wrong, names=["spin_hall"])
    with pytest.raises(InputError, match="lattice vectors"):
        run(model, replace(structure, lattice=1.01 * structure.lattice), names=["spin_hall"])
    with pytest.raises(InputError, match="k·p"):
        compute(models.massive_dirac(), "edelstein", grid=(6, 8), mu=0.1, temperature=0, symmetry=structure)


@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 0, 0)])
def test_forgotten_moments_of_an_antiferromagnet_are_refused(direction):
    """The nonmagnetic group has T and projects the intrinsic spin magnetization away."""
    model = models.pt_antiferromagnet(direction=direction)
    forgotten = with_moments(neel_pair(direction), np.zeros((4, 3)))
    with pytest.raises(InputError, match="are the magnetic moments right"):
        run(model, forgotten, names=["intrinsic_spin_magnetization"])


@pytest.mark.parametrize("shift", [(0.5, 0.5, 0)])
def test_error_bar_of_a_shifted_mesh(shift):
    """Operations mix points with even and odd indices there: the nested coarse mesh must still be summed over its own points."""
    model, structure, _ = MODELS["kane_mele 3m'"]
    options = {"n": 6, "shift": shift, "names": ["spin_hall", "edelstein"]}
    reduced, whole = run(model, structure, **options), run(model, structure, reduce_k=False, **options)
    for name, tensor in whole.items():
        assert np.abs(reduced[name].error - tensor.error).max() <= 1e-9 * np.abs(tensor.error).max()


def test_charge_channel_of_a_model_without_spin():
    model, structure, _ = MODELS["weyl 42'2'"]
    options = {"names": ["spin_hall"], "channel": "charge"}
    expected = run(model, structure, **options)["spin_hall"].values
    assert same(run(replace(model, spin_R=None), structure, **options)["spin_hall"].values, expected)


# Real materials


MN2AU = [(2.4975, 2.4975, 0), (-2.4975, -2.4975, 0), (0, 0, 0)]
# moments, mu, mesh, points evaluated, degeneracy tolerance. GaAs, 4x4x4: pairs on the line Sigma at 7.6 eV are split by
# 0.52 to 0.57 meV, which is next to the default of 0.5 meV, and the spread is 10 %: left apart, 1/gap^2 shows nothing else.
MATERIALS = {
    "Fe": ([(0, 0, 2.2)], 17.6048, 6, 30, 5e-4),
    "GaAs": (None, 8.0, 4, 8, 2e-3),
    "Mn2Au": (MN2AU, 16.5032, 2, 5, 5e-4),
}


@cache
def material(folder, name):
    return load_model(folder / name / f"{name}.model.h5")


def real(folder, name, moments, **options):
    _, mu, n, _, tolerance = MATERIALS[name]
    return compute(
        material(folder, name),
        options.pop("names", "all"),
        grid=(n, n, n),
        mu=mu,
        temperature=1000,
        omega=0.1,
        broadening=0.1,
        degeneracy_tolerance=tolerance,
        symmetry=read_structure(folder / name / f"{name}.win", moments),
        **options,
    )


@pytest.mark.parametrize("name", MATERIALS)
def test_real_model(name, example_inputs):
    """Wannier models break their group a little; tau^0 at second order, and in light, has the fourth power of small gaps in it."""
    moments, _, n, points, _ = MATERIALS[name]
    whole, reduced = (real(example_inputs, name, moments, reduce_k=reduce_k) for reduce_k in (False, True))
    assert whole.provenance["k_points_evaluated"] == n**3
    assert reduced.provenance["k_points_evaluated"] == points
    assert reduced.provenance["symmetry"]["band_residual_eV"] < 2e-3
    assert reduced.provenance["symmetry"]["spin_residual"] < 5e-3
    for key, tensor in whole.items():
        steep = tensor.field_order == 2 and (tensor.tau_power == 0 or len(tensor.omega))
        if (scale := np.abs(tensor.values).max()) > 1e-12:
            assert np.abs(reduced[key].values - tensor.values).max() < (5e-3 if steep else 1e-3) * scale, key
            assert steep or np.abs(tensor.residual).max() < 1e-2 * scale, key


def test_moment_of_iron_forgotten_or_turned(example_inputs):
    for moments in (None, [(2.2, 0, 0)], [(1.3, 1.3, 1.3)]):
        with pytest.raises(InputError, match="are the magnetic moments right"):
            real(example_inputs, "Fe", moments, names=["spin_hall"])
    down, up = (real(example_inputs, "Fe", [(0, 0, s * 2.2)], names=["spin_hall"])["spin_hall"] for s in (-1, 1))
    assert same(down.values, up.values)


@pytest.mark.parametrize(
    "moments",
    [
        None,
        [(2, 2, 0), (2, 2, 0), NONE],
        [(0, 0, 3), (0, 0, -3), NONE],
        [(3, 0, 0), (-3, 0, 0), NONE],
        [(2, -2, 0), (-2, 2, 0), NONE],
    ],
    ids=["forgotten", "parallel", "along z", "along x", "along -110"],
)
def test_wrong_moments_of_mn2au_are_refused(moments, example_inputs):
    with pytest.raises(InputError, match="are the magnetic moments right"):
        real(example_inputs, "Mn2Au", moments, names=["intrinsic_spin_magnetization"])


@pytest.mark.slow
def test_platinum(example_inputs):
    model = read_wannier90(example_inputs / "Pt" / "Pt")
    structure = read_structure(example_inputs / "Pt" / "Pt.win")
    options = {"grid": (6, 6, 6), "mu": 22.4839, "temperature": 1000, "symmetry": structure}
    whole, reduced = (compute(model, "spin_hall", reduce_k=reduce_k, **options) for reduce_k in (False, True))
    assert (whole.provenance["k_points_evaluated"], reduced.provenance["k_points_evaluated"]) == (216, 16)
    scale = np.abs(whole["spin_hall"].values).max()
    assert np.abs(whole["spin_hall"].residual).max() < 2e-3 * scale
    assert np.abs(whole["spin_hall"].values - reduced["spin_hall"].values).max() < 2e-3 * scale


def test_all_responses_are_tested():
    assert set(run(MODELS["weyl 42'2'"][0], n=2)) == set(responses.names())
