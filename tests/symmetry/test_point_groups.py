"""All 122 magnetic point groups: how many allow each response, and what a projector must do in each of them."""

from functools import cache

import numpy as np
import pytest
from symmetry.structures import MAGNETIC_POINT_GROUPS, components, group, mirror, signature, turn

from wannier_spin import InputError
from wannier_spin.responses import RESPONSES
from wannier_spin.symmetry import (
    Operation,
    TensorKind,
    allowed,
    distinct,
    group_from_database,
    law_kind,
    n_independent,
    project,
    projector,
    transform,
)

X, Y, Z, D3 = (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)
HEXAGONAL = ("Te 321'", "Fe 111 -3m'")


@cache
def classes():
    """signature -> operations. Elements of one class under rotations have one signature: there are 122 of both."""
    found = {}
    for number in range(1, 1652):
        operations = distinct(group_from_database(number))
        found.setdefault(signature(operations), operations)
    return found


IDENTITY, INVERSION = (1, 3), (-1, -3)  # determinant and trace


def grey(key):
    return (*IDENTITY, True) in key


def pt_only(key):
    return (*INVERSION, True) in key and not grey(key)


def with_inversion(key):
    return (*INVERSION, False) in key


def every(key):
    return True


def select(which):
    return {key: g for key, g in classes().items() if which(key)}


@cache
def count(kind, key):
    return n_independent(kind, classes()[key])


def missing(kind, which):
    return {key for key in select(which) if count(kind, key) == 0}


def kind_of(name, symmetric=True):
    record = RESPONSES[name]
    return law_kind(record.tensor, record.tau_power, symmetric_fields=symmetric)


# PEERS.md, section 3.4: allowed in, of 32 grey, of 21 with PT only, of 32 with P, sum of independent components
TABLE = {
    "spin_hall": (122, 32, 21, 32, 734),
    "magnetic_spin_hall": (69, 0, 0, 21, 378),
    "edelstein": (58, 18, 0, 0, 135),
    "intrinsic_spin_magnetization": (58, 0, 18, 0, 135),
    "nonlinear_drude_spin_current": (69, 21, 0, 0, 774),
    "nonlinear_extrinsic_spin_current": (69, 0, 21, 0, 774),
    "nonlinear_extrinsic_spin_magnetization": (111, 29, 19, 29, 399),
    "nonlinear_drude_spin_magnetization": (66, 0, 0, 20, 243),
}
SAME = {
    "nonlinear_intrinsic_spin_current": "nonlinear_drude_spin_current",
    "nonlinear_intrinsic_spin_magnetization": "nonlinear_drude_spin_magnetization",
}


def test_there_are_122_classes():
    """32 without time reversal, 32 grey, 58 with time reversal in half of the operations, but not alone."""
    colourless = select(lambda key: not any(t for *_, t in key))
    black_white = select(lambda key: any(t for *_, t in key) and not grey(key))
    assert [len(found) for found in (classes(), colourless, select(grey), black_white)] == [122, 32, 32, 58]
    assert all(2 * sum(t for *_, t in key) == len(key) for key in black_white)
    assert (len(select(pt_only)), len(select(with_inversion))) == (21, 32)
    for g in classes().values():
        rotations = np.array([o.rotation for o in g])
        assert np.abs(rotations @ rotations.swapaxes(1, 2) - np.eye(3)).max() < 1e-12  # the lattice is invariant


@pytest.mark.parametrize("number", [0, 1652, -1])
def test_number_beyond_the_database(number):
    with pytest.raises(InputError, match="1 to 1651"):
        group_from_database(number)


@pytest.mark.parametrize("name", TABLE)
def test_number_of_groups_that_allow_a_response(name):
    kind = kind_of(name)
    found = [len(select(which)) - len(missing(kind, which)) for which in (every, grey, pt_only, with_inversion)]
    assert (*found, sum(count(kind, key) for key in classes())) == TABLE[name]


@pytest.mark.parametrize("name", SAME)
def test_responses_with_the_same_tensor(name):
    assert kind_of(name) == kind_of(SAME[name])


def trace_count(kind, operations):
    """Characters in integers, from reduced matrices: a class function, independent of axes, lattices and projectors."""
    total = 0
    for o in operations:
        W = np.asarray(o.reduced)
        det = round(np.linalg.det(W))
        polar, square = int(np.trace(W)), int(np.trace(W @ W))
        character = 1
        free = list(range(kind.rank))
        if kind.symmetric:
            character = (polar**2 + square) // 2
            free = [i for i in free if i not in kind.symmetric]
        for i in free:
            character *= polar if kind.kinds[i] == "polar" else det * polar
        total += character * (kind.time_parity if o.time_reversal else 1)
    assert total % len(operations) == 0
    return total // len(operations)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("name", [*TABLE])
def test_number_of_independent_components_from_characters(name, symmetric):
    kind = kind_of(name, symmetric)
    if symmetric:
        assert (kind.symmetric is None) == (RESPONSES[name].tensor.field_order == 1)
    for key, g in classes().items():
        assert count(kind, key) == trace_count(kind, g)


POLAR, AXIAL = "polar", "axial"
TEXTBOOK = {
    "ferromagnetic": (TensorKind("a", (AXIAL,), -1), every, 31),
    "linear magnetoelectric": (TensorKind("ab", (AXIAL, POLAR), -1), every, 58),
    "piezomagnetic": (TensorKind("abc", (AXIAL, POLAR, POLAR), -1, (1, 2)), every, 66),
    "piezoelectric, grey": (TensorKind("abc", (POLAR, POLAR, POLAR), +1, (1, 2)), grey, 20),
    "gyrotropic, grey": (TensorKind("ab", (AXIAL, POLAR), +1), grey, 18),
    "polar, grey": (TensorKind("a", (POLAR,), +1), grey, 10),
}


@pytest.mark.parametrize("name", TEXTBOOK)
def test_textbook_counts(name):
    """International Tables D, chapters 1.1 and 1.5; 20, 18 and 10 of 32: any book on crystal physics."""
    kind, of, expected = TEXTBOOK[name]
    assert len(select(of)) - len(missing(kind, of)) == expected


def test_pt_groups_without_linear_intrinsic_spin():
    """PEERS.md 3.4: 6'/m (-6), 6'/mmm' (-6m2), m'-3'm (-43m), the unitary subgroup in brackets."""
    expected = [group(-turn(Z, 6)), group(-turn(Z, 6), mirror(X)), group(-turn(Z, 4), turn(D3, 3))]
    without = missing(kind_of("intrinsic_spin_magnetization"), pt_only)
    assert len(without) == 3
    assert {tuple(e for e in key if not e[2]) for key in without} == {signature(g) for g in expected}


def test_grey_groups_without_second_order_spin():
    """432, -43m, m-3m: arXiv:2406.14748, "29 of 32"."""
    T = (np.eye(3), True)
    cubic = ((turn(Z, 4),), (-turn(Z, 4),), (turn(Z, 4), -np.eye(3)))
    expected = {signature(group(*generators, turn(D3, 3), T)) for generators in cubic}
    assert missing(kind_of("nonlinear_extrinsic_spin_magnetization"), grey) == expected


# The projector


RANK_4 = [kind_of("nonlinear_extrinsic_spin_current", False), kind_of("nonlinear_drude_spin_current")]
KINDS = [
    kind_of("spin_hall"),
    kind_of("intrinsic_spin_magnetization"),
    kind_of("nonlinear_extrinsic_spin_magnetization", False),
    kind_of("nonlinear_drude_spin_magnetization"),
]


def random_tensor(kind, seed=0):
    return np.random.default_rng(seed).normal(size=(3,) * kind.rank)


def explicit_projector(kind, operations):
    """Mean of Kronecker products."""
    total = np.zeros((3**kind.rank, 3**kind.rank))
    for o in operations:
        matrix = np.eye(1)
        for index in kind.kinds:
            factor = o.rotation if index == "polar" else np.linalg.det(o.rotation) * o.rotation
            matrix = np.kron(matrix, factor)
        total += matrix * (kind.time_parity if o.time_reversal else 1)
    if kind.symmetric:
        swap = np.eye(3**kind.rank).reshape(*(3,) * 2 * kind.rank)
        swap = np.swapaxes(swap, *kind.symmetric).reshape(total.shape)
        total = (total + swap @ total) / 2
    return total / len(operations)


def check(kind, g):
    P = projector(kind, g)
    assert np.abs(P - explicit_projector(kind, g)).max() < 1e-12
    assert np.abs(P @ P - P).max() < 1e-12
    assert np.abs(P - P.T).max() < 1e-12
    trace = np.trace(P)
    assert abs(trace - round(trace)) < 1e-10
    assert n_independent(kind, g) == round(trace)
    X = random_tensor(kind)
    invariant = project(X, kind, g)
    assert np.abs(invariant.ravel() - P @ X.ravel()).max() < 1e-12
    assert max(np.abs(transform(invariant, kind, o) - invariant).max() for o in g) < 1e-12
    if kind.symmetric:
        assert np.abs(invariant - np.swapaxes(invariant, *kind.symmetric)).max() < 1e-12
    check_form(kind, g, invariant)


def check_form(kind, g, invariant):
    """Every component of the invariant tensor from the independent ones."""
    form = allowed(kind, g)
    value = dict(zip(components(kind.rank), invariant.ravel(), strict=True))
    relations = {name.replace(";", ""): terms for name, terms in form.relations.items()}
    independent = [name.replace(";", "") for name in form.independent]
    assert len(independent) == n_independent(kind, g)
    assert not set(independent) & set(relations)
    for name in components(kind.rank):
        if name not in independent:
            expected = sum(factor * value[other.replace(";", "")] for factor, other in relations.get(name, ()))
            assert value[name] == pytest.approx(expected, abs=1e-10), (name, str(form))
        for _, other in relations.get(name, ()):
            assert other.replace(";", "") in independent


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.labels}{kind.time_parity:+d}{'s' if kind.symmetric else ''}")
def test_projector(kind):
    for g in list(classes().values())[:: 1 if kind.rank < 3 else 3]:
        check(kind, g)


@pytest.mark.parametrize("kind", RANK_4, ids=["T-odd", "T-even symmetric"])
@pytest.mark.parametrize("name", MAGNETIC_POINT_GROUPS)
def test_projector_of_rank_four(kind, name):
    check(kind, group(*MAGNETIC_POINT_GROUPS[name]))


@pytest.mark.parametrize("kind", RANK_4, ids=["T-odd", "T-even symmetric"])
def test_projector_of_rank_four_is_axes_free(kind):
    """The same numbers of components in turned axes, where nothing vanishes."""
    R = turn((0.3, -0.5, 0.8), 7.3)
    for name in HEXAGONAL:
        g = group(*MAGNETIC_POINT_GROUPS[name])
        turned = [Operation(R @ o.rotation @ R.T, o.reduced, o.translation, o.time_reversal) for o in g]
        assert n_independent(kind, g) == n_independent(kind, turned)
        check(kind, turned)


def test_coefficients_of_hexagonal_groups():
    """Six-fold axis: xxxx = xxyy + xyxy + xyyx, as for elastic constants (c11 - c12 = 2 c66)."""
    g = group(turn(Z, 6), turn(X, 2))
    kind = TensorKind("abcd", ("polar",) * 4, +1)
    X_ = project(random_tensor(kind), kind, g)
    assert X_[0, 0, 0, 0] == pytest.approx(X_[0, 0, 1, 1] + X_[0, 1, 0, 1] + X_[0, 1, 1, 0], abs=1e-12)
    form = allowed(kind, g)
    factors = [abs(factor) for terms in form.relations.values() for factor, _ in terms]
    assert any(len(terms) > 1 for terms in form.relations.values())
    assert len(form.independent) == trace_count_real(kind, g)
    assert max(factors) < 10
    spin = allowed(kind_of("nonlinear_drude_spin_current"), g)
    many = [terms for terms in spin.relations.values() if len(terms) > 1 or abs(abs(terms[0][0]) - 1) > 1e-6]
    assert many  # coefficients other than +-1 do occur


def trace_count_real(kind, operations):
    """Characters for groups whose reduced matrices are not known."""
    return round(sum(np.trace(o.rotation) ** kind.rank for o in operations) / len(operations))


def test_projection_keeps_leading_axes():
    kind, g = kind_of("nonlinear_extrinsic_spin_current"), group(*MAGNETIC_POINT_GROUPS["Te 321'"])
    X_ = np.random.default_rng(2).normal(size=(2, 3, *(3,) * kind.rank))
    whole = project(X_, kind, g)
    for i in range(2):
        for j in range(3):
            assert np.abs(whole[i, j] - project(X_[i, j], kind, g)).max() < 1e-14
