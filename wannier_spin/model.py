"""What a calculation starts from: Wannier models in R space, crystal structures. (k·p models: `continuum`.)

Units: eV and angstrom. Lattice vectors are rows. Spin matrices are Pauli matrices sigma (not hbar sigma/2).

Conventions of the matrices, O_nm(R) = <0n|O|Rm>:

    O_nm(k) = sum_R exp(2 pi i k.R) O_nm(R)                    k in reduced coordinates
    d_a O   -> i (R + tau_m - tau_n)_a O_nm(R)                 tau: `centres`
    A_nm(R) = <0n|r|Rm> - delta_R0 delta_nm tau_n              Berry connection in that gauge

The centres only choose the phases of the Bloch sums: no result depends on them once `position_R` is given, but for the spin
currents of Qiao and Ryoo, which apply H to states that leave the Wannier space (see `spin_current`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import hermitian_over_R
from wannier_spin.described import described
from wannier_spin.errors import InputError
from wannier_spin.operators import KNOWN, check_operator, unknown_operator
from wannier_spin.operators import Operator as Operator
from wannier_spin.storage import Array, Each, Schema, Value, check_tree, read_tree, write_tree
from wannier_spin.values import switches

DEGENERACY_TOLERANCE = 5e-4  # eV; docs/theory.md, section 4: real materials' pairs split by 1e-5 to 2e-4 eV
HERMITICITY_TOLERANCE = 1e-6  # of the largest element; Wannier90's text files carry six decimals
SpinCurrent = Literal["simple", "qiao", "ryoo"]
SPIN_CURRENT_OPERATORS: dict[SpinCurrent, tuple[str, ...]] = {  # what each definition needs besides H, r and the spin
    "simple": (),
    "ryoo": ("spin_position", "spin_hamiltonian_position"),
    "qiao": ("spin_position", "spin_hamiltonian_position", "spin_hamiltonian"),
}
SPIN_CURRENT_KEYS = tuple(f"{name}_R" for name in SPIN_CURRENT_OPERATORS["qiao"])
_TEXT = Value((str,))
_TENSORS = (("R", "n", "n", 3), ("R", "n", "n", 3, 3))
_MODEL_FILE = Schema(
    {
        "kind": _TEXT,
        "name": _TEXT,
        "lattice": Array("f", ((3, 3),)),
        "R_vectors": Array("i", (("R", 3),)),
        "hamiltonian_R": Array("c", (("R", "n", "n"),)),
        "centres": Array("f", (("n", 3),)),
        **{key: Array("c", _TENSORS, optional=True) for key in ("position_R", *(f"{name}_R" for name in KNOWN))},
        "periodic": Array("b", ((3,),), optional=True),
        "thickness": Value((float, int), optional=True),
        "spin_axis": Array("f", ((3,),), optional=True),
        "source": Each(Value((str, int, float, bool, list)), optional=True),
        "extra_operators": Each(Array("c", (("R", "n", "n"), *_TENSORS)), optional=True),
        "extra_operators_kinds": Value((str,), optional=True),
    },
    exact=True,
)


@described(lattice="angstrom", magnetic_moments="mu_B")
@dataclass(frozen=True)
class Structure:
    """A crystal with magnetic moments.

    lattice (3, 3) rows, angstrom; positions (i, 3) reduced; numbers (i,) atomic numbers;
    magnetic_moments (i, 3) Bohr magnetons, Cartesian (zeros: not magnetic). spin_orbit : False where spins and lattice turn
    independently; the symmetry is then that of a spin group.

    Raises InputError: wrong shapes, no atoms, values that are not finite (spglib crashes on them), a singular lattice.
    """

    lattice: NDArray[np.float64]
    positions: NDArray[np.float64]
    numbers: NDArray[np.int64]
    magnetic_moments: NDArray[np.float64]
    spin_orbit: bool = True

    def __post_init__(self) -> None:
        n = len(np.atleast_1d(self.numbers))
        for key, shape in {"lattice": (3, 3), "positions": (n, 3), "magnetic_moments": (n, 3)}.items():
            value = np.asarray(getattr(self, key), float)
            if value.shape != shape or not n:
                raise InputError(f"structure of {n} atoms: {key} has shape {value.shape}, expected {shape}")
            if not np.isfinite(value).all():
                raise InputError(f"structure: {key} has NaN or infinity at {np.argwhere(~np.isfinite(value))[0].tolist()}")
            object.__setattr__(self, key, value)
        object.__setattr__(self, "numbers", np.asarray(self.numbers, np.int64))
        if abs(np.linalg.det(self.lattice)) < 1e-8:
            raise InputError("structure: the lattice vectors are singular")


@described(lattice="angstrom", thickness="angstrom")
@dataclass(frozen=True)
class TightBindingModel:
    """A Wannier or tight-binding model with spin.

    Parameters
    ----------
    lattice : (3, 3) rows, angstrom
    R_vectors : (R, 3) int. Both R and -R must be there.
    hamiltonian_R : (R, n, n) complex, eV
    position_R : (R, n, n, 3) complex, angstrom, <0n|r|Rm> as in `seedname_tb.dat` (the diagonal at R = 0
        holds the centres); None: the position operator is diagonal and given by `centres`.
    spin_R : (R, n, n, 3) complex, Pauli matrices; None: no spin responses, only the charge channel.
    centres : (n, 3) Cartesian, angstrom; None: the diagonal of `position_R`, or zero.
    spin_position_R, spin_hamiltonian_position_R : (R, n, n, 3, 3) complex, angstrom and eV angstrom, [a, c] of
        <0n|sigma^c X (r - R - tau_m)_a|Rm> with X = 1, X = H and tau the centres. spin_hamiltonian_R : (R, n, n, 3) complex, eV,
        <0n|sigma^c H|Rm>. For the spin currents of Ryoo (the first two) and Qiao (all); not Hermitian.
    periodic : directions of the lattice along which the crystal is periodic; a False direction is vacuum
        (or absent): it is not integrated over, and results are per sheet (or per chain).
    thickness : angstrom, of a 2D system, to turn sheet units into bulk ones; None: not known.
    name : a word for tables and files.
    source : how the model came about (files, hashes, options); copied into every result.
    extra_operators : by name, further operators that observables need; all of them are in `operators`.
    spin_axis : (3,) unit vector n of a collinear magnet without spin-orbit coupling, whose sigma.n is conserved; its symmetry is
        that of a spin group. Where `spin_R` has no components across n they are not known (`transverse_spin_known`), and no
        response to an electric field needs them. None: no such axis.

    Weights of the R vectors and Wigner-Seitz shifts must already be folded into the matrices.

    Raises
    ------
    InputError : wrong shapes, values that are not finite, a singular lattice, O(-R) != O(R)^+.
    """

    lattice: NDArray[np.float64]
    R_vectors: NDArray[np.int64]
    hamiltonian_R: NDArray[np.complex128]
    position_R: NDArray[np.complex128] | None = None
    spin_R: NDArray[np.complex128] | None = None
    centres: NDArray[np.float64] = None  # type: ignore[assignment]  # None becomes an array below
    spin_position_R: NDArray[np.complex128] | None = None
    spin_hamiltonian_position_R: NDArray[np.complex128] | None = None
    spin_hamiltonian_R: NDArray[np.complex128] | None = None
    periodic: tuple[bool, bool, bool] = (True, True, True)
    thickness: float | None = None
    name: str = "model"
    source: dict[str, str] = field(default_factory=dict)
    extra_operators: Mapping[str, Operator] = field(default_factory=dict)
    spin_axis: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        def put(key: str, value: object) -> None:
            object.__setattr__(self, key, value)  # the class is frozen

        put("lattice", np.asarray(self.lattice, float))
        put("R_vectors", _whole_numbers(self.R_vectors, self.name))
        put("hamiltonian_R", np.ascontiguousarray(self.hamiltonian_R, complex))
        for key in ("position_R", "spin_R", *SPIN_CURRENT_KEYS):
            if getattr(self, key) is not None:
                put(key, np.ascontiguousarray(getattr(self, key), complex))
        put("periodic", switches(f"model '{self.name}': periodic", self.periodic))
        self._check_shapes()
        put("centres", self._default_centres() if self.centres is None else np.asarray(self.centres, float))
        if self.centres.shape != (self.n_bands, 3):
            raise InputError(f"model '{self.name}': centres have shape {self.centres.shape}, expected {(self.n_bands, 3)}")
        if not np.isfinite(self.centres).all():
            raise InputError(f"model '{self.name}': centres have NaN or infinity")
        self._check_values()
        if self.spin_axis is not None:
            put("spin_axis", self._checked_axis(np.asarray(self.spin_axis, float)))

    @property
    def n_bands(self) -> int:
        return int(self.hamiltonian_R.shape[-1])

    # What `continuum.ContinuumModel` has under the same names: no caller needs to ask which of the two a model is.

    def crystal(self, need: str = "") -> TightBindingModel:
        """The model itself, for what needs a lattice; a k·p model raises InputError, with the need."""
        return self

    @property
    def degeneracy_tolerance(self) -> float:
        """Below which bands are degenerate where nobody says it, eV."""
        return DEGENERACY_TOLERANCE

    @property
    def to_cartesian(self) -> NDArray[np.float64]:
        """From the coordinates of k-points, in rows, to 1/angstrom: (3, 3), the reciprocal lattice vectors."""
        return np.asarray(2 * np.pi * np.linalg.inv(self.lattice).T)

    @property
    def reciprocal_vectors(self) -> NDArray[np.float64]:
        """Those along which bands repeat (d, 3), 1/angstrom."""
        return self.to_cartesian[list(self.periodic)]

    @property
    def bands_end(self) -> bool:
        """Whether mu may lie outside of all bands."""
        return True

    @property
    def sea_diverges(self) -> bool:
        """Whether a Fermi sea may grow without bound with the region that is integrated over."""
        return False

    def spread_over(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points of the unit cube (k, 3) as k-points of the cell (k, 3), and the weight of each (k,)."""
        return x * self.periodic, np.ones(len(x))

    def identity(self) -> Iterator[bytes | memoryview]:
        """What makes the numbers, piece by piece: the same for the same model."""
        arrays = [value for field in fields(self) if isinstance(value := getattr(self, field.name), np.ndarray)]
        yield from (np.ascontiguousarray(X).data for X in arrays)
        for name, X in self.extra_operators.items():
            yield from (name.encode(), np.ascontiguousarray(X.matrices).data)
        yield str(self.periodic).encode()

    @property
    def dimension(self) -> int:
        """Number of periodic directions."""
        return sum(self.periodic)

    @cached_property
    def operators(self) -> Mapping[str, Operator]:
        """All operators besides H and the position, by name: "spin", those of the spin currents, and `extra_operators`."""
        found = {name: getattr(self, f"{name}_R") for name in KNOWN}
        known = {name: Operator(X, *KNOWN[name]) for name, X in found.items() if X is not None}
        return {**known, **self.extra_operators}

    def require(self, names: Sequence[str], purpose: str) -> None:
        """Raise InputError where an operator is missing that `purpose` needs, with the file that brings it."""
        missing = [name for name in names if name not in self.operators]
        if "spin" in missing:
            raise InputError(
                f"model '{self.name}' has no spin matrices; read it with its .spn file (write_spn = .true. in the pw2wannier90 "
                "input), or with spin = 'interleaved' or 'blocks'"
            )
        for definition, own in SPIN_CURRENT_OPERATORS.items():
            if missing and missing[0] in own:
                self.check_spin_current(definition)
        if missing:
            raise InputError(unknown_operator(self.name, missing, purpose, self.operators))

    @property
    def transverse_spin_known(self) -> bool:
        """Whether the model has the components of the spin across its axis; True where it has no axis."""
        if self.spin_axis is None or self.spin_R is None:
            return self.spin_R is not None
        across = self.spin_R - (self.spin_R @ self.spin_axis)[..., None] * self.spin_axis
        return bool(np.abs(across).max() > 1e-6)

    @cached_property
    def has_connection(self) -> bool:
        """Whether A = <0n|r - tau|Rm> is not zero everywhere."""
        at_home = np.eye(self.n_bands)[..., None] * self.centres  # of tau; block by block: nothing large is copied
        blocks = () if self.position_R is None else zip(self.R_vectors, self.position_R, strict=True)
        return any(block.any() if R.any() else (block != at_home).any() for R, block in blocks)

    def check_spin_current(self, definition: SpinCurrent) -> None:
        """Raise InputError where the model lacks what this definition of the spin current needs."""
        missing = [f"{name}_R" for name in SPIN_CURRENT_OPERATORS[definition] if name not in self.operators]
        if missing and self.spin_axis is not None:
            raise InputError(
                f"model '{self.name}' is a collinear magnet without spin-orbit coupling: its spin along the axis is conserved, so "
                f"that spin_current = 'simple' is exact; leave '{definition}' out"
            )
        if missing:
            raise InputError(
                f"model '{self.name}' has no {', '.join(missing)}, which the spin current '{definition}' is made of: read it with "
                f"spin_current = '{definition}' from .chk, .eig, .mmn and .spn. Where the orbitals of a model are all that there "
                "is (lattice models, pure spinors), spin_current = 'simple' is exact"
            )

    def save(self, path: str | Path) -> Path:
        """Write the model to one HDF5 file; `load_model` reads it back unchanged."""
        tree = {field.name: getattr(self, field.name) for field in fields(self)}
        del tree["extra_operators"]
        if self.extra_operators:
            kinds = {name: [list(X.indices), X.time_parity, X.hermitian] for name, X in self.extra_operators.items()}
            matrices = {name: X.matrices for name, X in self.extra_operators.items()}
            tree |= {"extra_operators": matrices, "extra_operators_kinds": json.dumps(kinds)}
        return write_tree(path, {"kind": "wannier_spin model", **tree, "periodic": np.array(self.periodic)})

    def _check_shapes(self) -> None:
        R, n = len(self.R_vectors), self.hamiltonian_R.shape[-1]
        expected = {"lattice": (3, 3), "R_vectors": (R, 3), "hamiltonian_R": (R, n, n)}
        expected |= {"position_R": (R, n, n, 3), "spin_R": (R, n, n, 3), "spin_hamiltonian_R": (R, n, n, 3)}
        expected |= {key: (R, n, n, 3, 3) for key in ("spin_position_R", "spin_hamiltonian_position_R")}
        for key, shape in expected.items():
            value = getattr(self, key)
            if value is not None and value.shape != shape:
                raise InputError(f"model '{self.name}': {key} has shape {value.shape}, expected {shape}")
        for name, operator in self.extra_operators.items():
            check_operator(self.name, name, operator, (R, n, n, *(3,) * operator.rank))

    def _checked_axis(self, axis: NDArray[np.float64]) -> NDArray[np.float64]:
        """The unit vector. Raises InputError unless it is a direction and H conserves the spin along it."""
        if axis.shape != (3,) or not np.isfinite(axis).all() or not axis.any():
            raise InputError(f"model '{self.name}': spin_axis is {axis.tolist()}, expected a direction, three numbers")
        if self.spin_R is None:
            raise InputError(f"model '{self.name}' has a spin_axis and no spin matrices")
        axis = axis / np.linalg.norm(axis)
        along, origin = self.spin_R @ axis, (self.R_vectors == 0).all(axis=1)
        changed = np.abs(self.hamiltonian_R @ along[origin][0] - along[origin][0] @ self.hamiltonian_R).max()
        if np.abs(along[~origin]).max(initial=0.0) > 1e-6 or changed > 1e-6:
            raise InputError(
                f"model '{self.name}' does not conserve the spin along {axis.round(6).tolist()}: it has spin-orbit coupling, or "
                "moments in other directions; leave spin_axis out"
            )
        return np.asarray(axis)

    def _default_centres(self) -> NDArray[np.float64]:
        if self.position_R is None:
            return np.zeros((self.n_bands, 3))
        origin = (self.R_vectors == 0).all(axis=1)
        if not origin.any():
            raise InputError(f"model '{self.name}': R = (0, 0, 0) is missing from R_vectors")
        return np.einsum("nna->na", self.position_R[origin][0]).real.copy()

    def _check_values(self) -> None:
        if self.thickness is not None and not 0 < self.thickness < np.inf:
            raise InputError(f"model '{self.name}': thickness = {self.thickness}, expected a positive length in angstrom")
        if not np.isfinite(self.lattice).all() or abs(np.linalg.det(self.lattice)) < 1e-8:
            raise InputError(f"model '{self.name}': the lattice vectors are singular or not finite")
        partner = _opposite(self.R_vectors, self.name)
        for key in ("hamiltonian_R", "position_R", "spin_R", *SPIN_CURRENT_KEYS):
            value = getattr(self, key)
            if value is None:
                continue
            if not np.isfinite(value).all():
                where = tuple(self.R_vectors[np.argwhere(~np.isfinite(value))[0][0]].tolist())
                raise InputError(f"model '{self.name}': {key} has NaN or infinity at R = {where}")
            if key in SPIN_CURRENT_KEYS:
                continue  # sigma H and sigma r are not Hermitian
            hermitian, error, scale = hermitian_over_R(value, partner)
            if error > HERMITICITY_TOLERANCE * max(scale, 1.0):
                raise InputError(
                    f"model '{self.name}': {key} is not Hermitian, |O(R) - O(-R)^+| = {error:.1e} "
                    f"against a largest element of {scale:.1e}; the file is damaged or its weights are missing"
                )
            object.__setattr__(self, key, hermitian)
        for name, operator in self.extra_operators.items():
            _, error, scale = hermitian_over_R(operator.matrices, partner) if operator.hermitian else (None, 0.0, 0.0)
            if error > HERMITICITY_TOLERANCE * max(scale, 1.0):
                raise InputError(
                    f"model '{self.name}': operator '{name}' is not Hermitian, O(R) != O(-R)^+; or say hermitian=False"
                )


def load_model(path: str | Path) -> TightBindingModel:
    """Read a model written by `TightBindingModel.save`. Raises InputError if it is not one."""
    tree = read_tree(path, "wannier_spin model")
    check_tree(f"'{path}' is not a whole model file", tree, _MODEL_FILE, "save the model again")
    tree.pop("kind")
    tree["periodic"] = tuple(tree.get("periodic", (True, True, True)))
    tree.setdefault("source", {})
    try:
        kinds = json.loads(tree.pop("extra_operators_kinds", "{}"))
        tree["extra_operators"] = {
            name: Operator(tree["extra_operators"][name], tuple(indices), parity, hermitian)
            for name, (indices, parity, hermitian) in kinds.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"'{path}' is not a whole model file: {error!r}; save the model again") from error
    try:
        return TightBindingModel(**tree)
    except InputError as error:
        raise InputError(f"'{path}': {error}") from error


def home(R_vectors: NDArray[np.int64]) -> int:
    """Index of R = 0 among the R_vectors (R, 3) of a model, or of a table of one: all have it."""
    return int((R_vectors == 0).all(axis=1).argmax())


def with_centres(A: NDArray[np.complex128], R_vectors: NDArray[np.int64], centres: NDArray[np.float64]) -> NDArray[np.complex128]:
    """<0n|r|Rm> from A = <0n|r - tau|Rm>, (R, n, n, 3) angstrom: the centres (n, 3) on the diagonal at R = 0."""
    position, diagonal = A.copy(), np.arange(len(centres))
    position[home(R_vectors), diagonal, diagonal] += centres
    return position


def _whole_numbers(R_vectors: object, name: str) -> NDArray[np.int64]:
    """As whole numbers. Raises InputError for what are none, which would be another lattice vector when cut off."""
    given = np.asarray(R_vectors)
    numbers = given.dtype.kind in "iuf" and bool(np.isfinite(given).all()) and bool((np.abs(given) < 2**31).all())
    whole = given.astype(np.int64) if numbers else np.zeros(0, np.int64)
    if not numbers or not np.array_equal(whole, given):
        raise InputError(f"model '{name}': R_vectors must be whole numbers (of lattice vectors), found {str(given.tolist())[:80]}")
    return whole


def _opposite(R_vectors: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    """Index of -R for each R."""
    index = {tuple(R): i for i, R in enumerate(R_vectors.tolist())}
    if len(index) != len(R_vectors):
        raise InputError(f"model '{name}': an R vector occurs more than once; add its matrices up first")
    try:
        return np.array([index[tuple(-r for r in R)] for R in R_vectors.tolist()])
    except KeyError as missing:
        raise InputError(f"model '{name}': R = {missing} is missing, though -R is there") from None
