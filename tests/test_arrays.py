"""`arrays` is the one seam for another array library: what is linear algebra between bands goes through it."""

import ast

import numpy as np
import pytest
from test_layers import FILES

from wannier_spin import arrays

PACKAGES = ("responses", "observables")
BATCHES = ("bloch", "geometry", "quantum_geometry", "weights")
PATH = [module for module in FILES if module in BATCHES or module.split(".")[0] in PACKAGES]
ELSEWHERE = {"einsum", "dot", "vdot", "inner", "trace", "diagonal", "kron"}
OF_CELLS = {"inv", "det", "norm"}  # of 3 x 3 matrices, once for a model


def direct(source: str) -> list[str]:
    """Linear algebra of numpy that a module calls itself."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            last = name.rpartition(".")[2]
            linear = name.startswith("np.linalg.") and last not in OF_CELLS
            if linear or (name == f"np.{last}" and last in ELSEWHERE):
                found.append(f"line {node.lineno}: {name}")
        if isinstance(node, ast.Import | ast.ImportFrom) and "scipy" in ast.unparse(node):
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("module", PATH)
def test_linear_algebra_between_bands_is_in_one_place(module: str) -> None:
    assert direct(FILES[module].read_text(encoding="utf-8")) == []


def test_what_goes_past_it_is_seen() -> None:
    assert {"bloch", "geometry", "responses.pairs", "observables.spin_current"} <= set(PATH)
    lines = ("np.linalg.eigh(H)", "np.linalg.svd(H)", "np.einsum('ij->i', x)", "np.trace(x)", "from scipy import linalg")
    assert [len(direct(line)) for line in lines] == [1] * len(lines)
    assert direct("np.linalg.inv(cell)\nx.trace()\nnp.moveaxis(x, 0, 1)") == []


rng = np.random.default_rng(0)


def random(*shape: int) -> np.ndarray:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def hermitian(*shape: int) -> np.ndarray:
    X = random(*shape)
    return X + X.conj().swapaxes(-1, -2)


def test_operations_matrix_by_matrix() -> None:
    """Against the same with loops over everything but the two axes of a matrix."""
    A, X, U, random_X = hermitian(3, 2, 4, 4), hermitian(3, 2, 4, 4), random(3, 4, 4), random(3, 2, 4, 4)
    for k, a in np.ndindex(3, 2):
        a_, x, u = A[k, a], X[k, a], U[k]
        expected = {
            "adjoint": (arrays.adjoint(A), a_.conj().T),
            "commutator": (arrays.commutator(A, X), a_ @ x - x @ a_),
            "bracket": (arrays.bracket(A, X), -1j * (a_ @ x - x @ a_)),
            "half_anticommutator": (arrays.half_anticommutator(A, X), (a_ @ x + x @ a_) / 2),
            "hermitian_part": (arrays.hermitian_part(random_X), (random_X[k, a] + random_X[k, a].conj().T) / 2),
            "rotate": (arrays.rotate(A, U), u.conj().T @ a_ @ u),
            "rotated_diagonal": (arrays.rotated_diagonal(A, U), (u.conj().T @ a_ @ u).diagonal().real),
            "diagonal": (arrays.diagonal(A), np.array([a_[n, n].real for n in range(4)])),
        }
        for name, (found, wanted) in expected.items():
            assert np.abs(wanted).max() > 0.1
            assert np.abs(found[k, a] - wanted).max() < 1e-13, name


def test_machine_code_and_numpy_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result must not depend on how many points a batch has."""
    X, Y = hermitian(5, 3, 18, 18), hermitian(5, 1, 18, 18)
    found = []
    for compiled_from in (0, 2**62):
        monkeypatch.setattr(arrays, "COMPILED_FROM", compiled_from)
        found.append([arrays.bracket(X, Y), arrays.half_anticommutator(X, Y), arrays.plus_adjoint(X, Y), arrays.hermitian_part(X)])
    for compiled, plain in zip(*found, strict=True):
        assert np.abs(plain).max() > 1
        assert (compiled == plain).all()  # equal bits but for the sign of zeros


def test_what_is_larger_than_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Point by point, the same as all at once."""
    X, U = hermitian(5, 2, 4, 4), random(5, 4, 4)
    expected = arrays.rotate(X, U)
    assert np.abs(expected).max() > 1
    for size in (1, 16 * 32, 16 * 32 * 2):
        monkeypatch.setattr(arrays, "IN_CACHE", size)
        assert np.abs(arrays.rotate(X, U) - expected).max() < 1e-13 * np.abs(expected).max()


def test_sums_over_bands() -> None:
    weights = random(3, 4, 4).real
    left, right, more = random(3, 2, 4, 4), random(3, 2, 4, 4), random(3, 2, 3, 4, 4)
    for k, a, b, n, m in np.ndindex(3, 2, 2, 4, 4):
        assert arrays.pairs(left, right)[k, a, b, n, m] == pytest.approx(left[k, a, n, m] * right[k, b, m, n], abs=1e-13)
        expected = more[k, a, 2, n, m] * right[k, b, m, n] * weights[k, n, m]
        assert arrays.pairs(more, right, weights)[k, a, b, 2, n, m] == pytest.approx(expected, abs=1e-13)


def test_matrices_inside_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """And stacks side by side."""
    V, X, group = hermitian(2, 3, 5, 5), hermitian(2, 4, 5, 5), np.array([[0, 1, 1, 1, 2], [0, 0, 1, 2, 2]])
    inside = V * (group[:, :, None] == group[:, None, :])[:, None]
    assert np.abs(inside).max() > 0.1
    assert arrays.inside_times(V, X, group) == pytest.approx(inside[:, :, None] @ X[:, None], abs=1e-13)
    same = group[:, :, None] == group[:, None]
    for values in (random(2, 5).real, random(2, 3, 5).real, random(2, 3, 4, 5).real):
        expected = np.einsum("knm,k...m->k...n", same / same.sum(axis=2, keepdims=True), values)
        plain = arrays.group_means(values, group)
        assert plain == pytest.approx(expected, abs=1e-14)
        monkeypatch.setattr(arrays, "COMPILED_FROM", 0)
        assert arrays.group_means(values, group) == pytest.approx(plain, abs=1e-14)
        monkeypatch.undo()
    whole = arrays.joined_rows([V, X])
    assert (whole == arrays.rows(np.concatenate([V, X], axis=1))).all()
    deep = V.reshape(2, 3, 1, 5, 5)
    assert (arrays.joined_rows([deep, deep, deep]) == arrays.rows(np.repeat(deep, 3, axis=2))).all()


@pytest.mark.parametrize("compiled_from", [0, 2**40])
def test_weighted_traces(compiled_from: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any stacks of rows, with one weight of a pair or several."""
    monkeypatch.setattr(arrays, "COMPILED_FROM", compiled_from)
    left, right, weights = random(2, 4, 3, 2, 5), random(2, 4, 3, 2, 5), random(2, 4, 3, 5).real
    for imaginary, part in ((False, np.real), (True, np.imag)):
        found = arrays.weighted_row_trace(left, weights, right, imaginary)  # of Hermitian matrices: right_mn is right_nm^*
        expected = part(np.einsum("knijm,knwm,knbom->knijwbo", left, weights, right.conj()))
        assert np.abs(expected).max() > 1
        assert found == pytest.approx(expected, abs=1e-13)
        assert imaginary or np.array_equal(arrays.weighted_row_trace(left, weights, right), found)
        once = arrays.weighted_row_trace(left, weights[:, :, :1], right, imaginary)
        assert once == pytest.approx(expected[..., 0, :, :], abs=1e-13)
        twice = arrays.weighted_row_trace(left, weights[:, :, :2], right, imaginary)
        assert twice == pytest.approx(expected[..., :2, :, :], abs=1e-13)


@pytest.mark.parametrize("n", [3, 20])  # 20: more than one tile
@pytest.mark.parametrize("laid_out", [False, True])
def test_products_of_components(n: int, laid_out: bool) -> None:
    """Of all pairs, in any order of the axes, and of axes that both have; whatever the layout in memory."""

    def stack(*components: int) -> np.ndarray:
        made = random(2, *components, n, n)
        if not laid_out:
            return made
        between = arrays.interleaved(2, int(np.prod(components)), n)
        between[:] = made.reshape(between.shape)
        return between.reshape(made.shape)

    pairs = [
        (stack(3, 1), stack(1, 4)),
        (stack(1, 4), stack(3, 1)),
        (stack(2, 1, 3), stack(1, 2, 1)),
        (stack(3), stack(1)),
        (stack(2), stack(2)),
        (stack(2, 3), stack(2, 1)),
        (stack(3), stack(1)[:1]),
        (stack(2, 3), stack(3)),
    ]
    for X, Y in pairs:
        product = X @ Y
        assert np.abs(product).max() > 1
        assert arrays.times(X, Y) == pytest.approx(product, abs=1e-12)
        for found, factor in ((arrays.plus_adjoint, 1), (arrays.half_anticommutator, 0.5), (arrays.bracket, -1j)):
            assert found(X, Y) == pytest.approx(factor * product + arrays.adjoint(factor * product), abs=1e-12)
    first, second = (stack(3, 1), stack(1, 4)), (stack(1, 4), stack(3, 1))  # laid out in another order
    product = first[0] @ first[1] + second[0] @ second[1]
    for found, factor in ((arrays.half_anticommutator, 0.5), (arrays.bracket, -1j)):
        assert found(*first, second) == pytest.approx(factor * product + arrays.adjoint(factor * product), abs=1e-12)
    X, U = stack(2, 3), np.linalg.qr(random(2, n, n))[0]
    before = X.copy()
    assert arrays.diagonal(X) == pytest.approx(np.einsum("kabnn->kabn", X).real, abs=0)
    assert arrays.rotate(X, U) == pytest.approx(arrays.adjoint(U)[:, None, None] @ X @ U[:, None, None], abs=1e-12)
    assert arrays.hermitian_part(X) == pytest.approx((X + arrays.adjoint(X)) / 2, abs=1e-12)
    assert np.array_equal(X, before)


def test_slices_of_points() -> None:
    """All points once and in order, at most so many at once, and one at least where a single matrix is as large as allowed."""
    for points, n_bands, most, step in (
        (10, 2, 4, 4),
        (9, 2, 512, 9),
        (7, 1024, 512, 1),
        (2000, 2, arrays.AT_ONCE, 512),
        (0, 2, 4, 4),
    ):
        found = [np.arange(points)[some] for some in arrays.slices(points, n_bands, most)]
        assert np.array_equal(np.concatenate([*found, np.empty(0, int)]), np.arange(points))
        assert [len(part) for part in found[:-1]] == [step] * max(len(found) - 1, 0)
        assert all(0 < len(part) <= step for part in found)
    assert len(next(np.arange(10**4)[some] for some in arrays.slices(10**4, 128, 10**4))) == arrays.MATRICES // (16 * 128**2)


def test_hermitian_part_of_hoppings() -> None:
    """With O(-R)^+, and how far it is from O(R)."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3, 2, 2, 3)) + 1j * rng.normal(size=(3, 2, 2, 3))
    partner = np.array([2, 1, 0])
    found, error, scale = arrays.hermitian_over_R(X, partner)
    adjoint = X[partner].swapaxes(1, 2).conj()
    assert np.abs(found - (X + adjoint) / 2).max() < 1e-15
    assert np.abs(found - found[partner].swapaxes(1, 2).conj()).max() < 1e-15
    assert error == pytest.approx(np.abs(X - adjoint).max(), rel=1e-12, abs=0)
    assert scale == pytest.approx(np.abs(X).max(), rel=1e-12, abs=0)
    assert error > 0.5
    assert arrays.hermitian_over_R(1e-3 * X, partner)[1:] == pytest.approx((1e-3 * error, 1e-3 * scale), rel=1e-12, abs=0)


@pytest.mark.parametrize(("bands", "components"), [(12, 1), (3, 4)])
def test_products_of_rows_at_their_places(bands: int, components: int) -> None:
    """Of the last rows and the first columns, at each point from one on and up to another; many bands and few."""
    k, kept, stop = 3, bands - 1, bands - 1
    left, right, total = random(k, bands, components, bands), random(k, bands, 2, bands), random(k, kept, 2 * components, stop)
    places = rng.permutation(2 * components).reshape(components, 2)
    ranges = np.array([0, 1, kept]), np.array([stop, stop - 1, stop])
    expected = total.copy()
    product = np.einsum("knil,kljm->knijm", left, right)
    for point, (first, last) in enumerate(zip(*ranges, strict=True)):
        for i, j in np.ndindex(components, 2):
            expected[point, first:, places[i, j], :last] += product[point, 1 + first :, i, j, :last]
    arrays.add_row_products(total, left, right, places, ranges)
    assert np.abs(product).max() > 1
    assert np.abs(total - expected).max() < 1e-13 * np.abs(expected).max()
