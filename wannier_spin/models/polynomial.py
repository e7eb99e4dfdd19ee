"""Hamiltonians that are polynomials in k, from text as one writes it on paper: "v*(kx*sy - ky*sx) + m*sz + k2/(2*mass)".

The text is read by a parser of its own, never evaluated: numbers, + - * / ^ (or **), brackets, and the names

    kx ky kz      components of k, 1/angstrom;  k2 = kx^2 + ky^2 + kz^2, the squares of the axes that there are
    sx sy sz s0   Pauli matrices of the spin
    tx ty tz t0   Pauli matrices of an orbital or sublattice; t and s act on different factors: tx*sz = kron(tx, sz)
    i pi          the imaginary unit, 3.14159...
    parameters    numbers that are given by name

A matrix may also be given element by element, rows of texts without s and t.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import Complex
from wannier_spin.errors import InputError, did_you_mean
from wannier_spin.models.hoppings import S0, SX, SY, SZ
from wannier_spin.values import is_finite, is_whole

Powers = tuple[int, int, int]
Terms = dict[Powers, Complex]
Text = str | Sequence[Sequence[str | float]]
LONGEST, HIGHEST = 4000, 16  # letters of a text, degree of a polynomial
PAULI_NAMES = {"0": S0, "x": SX, "y": SY, "z": SZ}
_ZERO: Powers = (0, 0, 0)


@dataclass(frozen=True)
class Polynomial:
    """H(k) = sum_t matrices_t kx^p kx^q kz^r: powers (t, 3), matrices (t, n, n), eV angstrom^(p + q + r)."""

    powers: NDArray[np.int64]
    matrices: Complex

    def series(self, k: NDArray[np.float64]) -> tuple[Complex, Complex, Complex]:
        """H (k,n,n), d_a H (k,a,n,n) and d_b d_a H (k,b,a,n,n) at k (k,3), exactly."""
        axes = np.eye(3, dtype=np.int64)
        gradient = np.stack([self._derivative(k, axes[a]) for a in range(3)], axis=1)
        hessian = np.stack([np.stack([self._derivative(k, axes[a] + axes[b]) for a in range(3)], axis=1) for b in range(3)], axis=1)
        return self._derivative(k, 0 * axes[0]), gradient, hessian

    def _derivative(self, k: NDArray[np.float64], orders: NDArray[np.int64]) -> Complex:
        """Differentiated so many times along each axis: (k,n,n)."""
        left = self.powers - orders
        factors = np.prod([[_falling(p, int(d)) for p, d in zip(row, orders, strict=True)] for row in self.powers.tolist()], axis=1)
        monomials = np.prod(k[:, None, :] ** np.maximum(left, 0), axis=2) * factors  # (k, t)
        return np.asarray(np.tensordot(monomials, self.matrices, 1), complex)


def _falling(power: int, times: int) -> int:
    """p (p - 1) ...: what differentiating x^p so many times brings down."""
    return int(np.prod([power - i for i in range(times)], dtype=int)) if times <= power else 0


def parse_hamiltonian(text: Text, parameters: Mapping[str, float], dimension: int) -> Polynomial:
    """A polynomial from text, or from rows of texts. dimension : 1, 2 or 3 components of k. Raises InputError."""
    reader = _Reader(parameters, dimension)
    if isinstance(text, str):
        return _polynomial(_widened(reader.read(text)), text)
    size = len(text)
    if not size or any(isinstance(row, str | int | float) or len(row) != size for row in text):
        raise InputError(f"hamiltonian has {size} rows of other lengths; expected a square matrix of texts, or one text")
    total: Terms = {}
    for i, row in enumerate(text):
        for j, entry in enumerate(row):
            for powers, value in reader.read(str(entry)).items():
                if value.shape != (1, 1):
                    raise InputError(f"'{entry}': an element of a matrix is a number; write s and t only in one text for all")
                total.setdefault(powers, np.zeros((size, size), complex))[i, j] += value[0, 0]
    return _polynomial(total, "hamiltonian")


def _polynomial(terms: Terms, text: str) -> Polynomial:
    kept = {powers: matrix for powers, matrix in sorted(terms.items()) if np.abs(matrix).max() > 0} or {_ZERO: terms[_ZERO]}
    for powers, matrix in kept.items():
        error = np.abs(matrix - matrix.conj().T).max()
        if error > 1e-12 * np.abs(matrix).max():
            power = " ".join(f"k{axis}^{p}" for axis, p in zip("xyz", powers, strict=True) if p) or "1"
            raise InputError(f"'{_short(text)}': the matrix of {power} is not Hermitian; is an i missing, or an order of factors?")
    return Polynomial(np.array(list(kept)), np.array(list(kept.values())))


class _Reader:
    """From text to polynomials with matrices as coefficients: of shape (1, 1), of the spin (2, 2), or of t and s (4, 4)."""

    def __init__(self, parameters: Mapping[str, float], dimension: int) -> None:
        one = np.eye(1, dtype=complex)
        axes = [tuple(int(a == b) for b in range(3)) for a in range(3)]
        names: dict[str, Terms] = {"i": {_ZERO: np.full((1, 1), 1j)}, "pi": {_ZERO: np.full((1, 1), np.pi, complex)}}
        names |= {f"k{axis}": {axes[a]: one} for a, axis in enumerate("xyz"[:dimension])}  # type: ignore[dict-item]
        names |= {"k2": {(2 * a, 2 * b, 2 * c): one for a, b, c in axes[:dimension]}}
        names |= {f"s{key}": {_ZERO: matrix} for key, matrix in PAULI_NAMES.items()}
        names |= {f"t{key}": {_ZERO: np.asarray(np.kron(matrix, S0), complex)} for key, matrix in PAULI_NAMES.items()}
        if not isinstance(parameters, Mapping):
            raise InputError(f"parameters = {parameters!r}, expected names with a number each")
        for name, value in parameters.items():
            if name in names or not isinstance(name, str) or not name.isidentifier():
                raise InputError(f"parameter '{name}': the name is taken, or no word; taken are {', '.join(names)}")
            if not is_finite(value):
                raise InputError(f"parameter {name} = {value!r}, expected a finite number")
            names[name] = {_ZERO: np.full((1, 1), value, complex)}
        self.names = names

    def read(self, text: str) -> Terms:
        """Raises InputError for whatever is no polynomial."""
        if len(text) > LONGEST:
            raise InputError(f"'{_short(text)}' has {len(text)} letters, expected at most {LONGEST}")
        try:
            tree = ast.parse(text.strip().replace("^", "**"), mode="eval")
            return self._value(tree.body, text)
        except InputError:
            raise
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = str(error).partition(" (")[0] or type(error).__name__
            raise InputError(f"'{_short(text)}' cannot be read as a polynomial: {reason}") from error

    def _value(self, node: ast.expr, text: str) -> Terms:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return {_ZERO: np.full((1, 1), node.value, complex)}
        if isinstance(node, ast.Name):
            return self._named(node.id, text)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
            value = self._value(node.operand, text)
            return value if isinstance(node.op, ast.UAdd) else _times(value, {_ZERO: -np.eye(1, dtype=complex)})
        if isinstance(node, ast.BinOp):
            return self._combined(node, text)
        raise InputError(f"'{_short(text)}': found '{_short(ast.unparse(node))}', expected a polynomial: + - * / ^, numbers, names")

    def _named(self, name: str, text: str) -> Terms:
        if name in self.names:
            return self.names[name]
        meant = did_you_mean(name, self.names, "Known:")
        raise InputError(f"'{_short(text)}': unknown name '{name}'; {meant}; others are parameters")

    def _combined(self, node: ast.BinOp, text: str) -> Terms:
        left = self._value(node.left, text)
        if isinstance(node.op, ast.Pow):
            return _power(left, node.right, text)
        right = self._value(node.right, text)
        if isinstance(node.op, ast.Add):
            return _sum(left, right)
        if isinstance(node.op, ast.Sub):
            return _sum(left, _times(right, {_ZERO: -np.eye(1, dtype=complex)}))
        if isinstance(node.op, ast.Mult):
            return _times(left, right)
        if isinstance(node.op, ast.Div):
            if set(right) != {_ZERO} or right[_ZERO].shape != (1, 1) or right[_ZERO][0, 0] == 0:
                by = _short(ast.unparse(node.right))
                raise InputError(f"'{_short(text)}': divided by '{by}', expected a number other than zero")
            return {powers: matrix / right[_ZERO][0, 0] for powers, matrix in left.items()}
        raise InputError(f"'{_short(text)}': found '{_short(ast.unparse(node))}', expected + - * / or ^")


def _power(base: Terms, exponent: ast.expr, text: str) -> Terms:
    times = exponent.value if isinstance(exponent, ast.Constant) else None
    if not is_whole(times) or not 0 <= times <= HIGHEST:
        power = _short(ast.unparse(exponent))
        raise InputError(f"'{_short(text)}': the power '{power}', expected a whole number from 0 to {HIGHEST}")
    result: Terms = {_ZERO: np.eye(1, dtype=complex)}
    for _ in range(times):
        result = _times(result, base)
    return result


def _widened(terms: Terms) -> Terms:
    """All matrices of the same size, at least that of the spin: numbers times the unit matrix; s as t0 s."""
    size = max(2, *(len(matrix) for matrix in terms.values()))
    return {powers: _to_size(matrix, size) for powers, matrix in terms.items()}


def _to_size(matrix: Complex, size: int) -> Complex:
    return np.asarray(np.kron(np.eye(size // len(matrix)), matrix), complex)


def _sum(a: Terms, b: Terms) -> Terms:
    size = max(len(matrix) for matrix in (*a.values(), *b.values()))
    result = {powers: _to_size(matrix, size) for powers, matrix in a.items()}
    for powers, matrix in b.items():
        result[powers] = result[powers] + _to_size(matrix, size) if powers in result else _to_size(matrix, size)
    return result


def _times(a: Terms, b: Terms) -> Terms:
    size = max(len(matrix) for matrix in (*a.values(), *b.values()))
    result: Terms = {}
    for p, A in a.items():
        for q, B in b.items():
            powers = (p[0] + q[0], p[1] + q[1], p[2] + q[2])
            if sum(powers) > HIGHEST:
                raise InputError(f"a polynomial of degree {sum(powers)}, expected at most {HIGHEST}")
            product = _to_size(A, size) @ _to_size(B, size)
            result[powers] = result[powers] + product if powers in result else product
    return result


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
