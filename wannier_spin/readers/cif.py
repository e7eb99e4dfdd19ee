"""CIF, magnetic (.mcif) or not: the only module that imports gemmi.

Moments stand along *unit* vectors of the crystal axes (`_atom_site_moment.crystalaxis_x`, ...), or Cartesian. An operation
(x, y, z, +-1) acts on positions as it is written, and on moments with theta det(R) R, theta = -1 where it reverses time. The
file lists one atom of each orbit; all operations, times the centring translations, make the others.

Dictionaries: core CIF; magCIF 0.9 (COMCIFS). Names are written with dots and with underlines; both are read, and capitals do not
matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.files import read_bytes

Real = NDArray[np.float64]
SAME_PLACE = 0.1  # angstrom: images of one atom; files carry three to five decimals of the cell
FULL = 0.9  # occupancies above it are refined ones of places that are meant to be full
SAME_MOMENT = 0.05  # Bohr magnetons, and of the moment: files carry two decimals
TELLING = ("_atom_site_moment", "_space_group_symop_magn", "_space_group_magn", "_magnetic_", "_symmetry_space_group_magn")
CRYSTAL = ("_cell_length", "_cell_angle", "_atom_site_", "_space_group_symop", "_symmetry_equiv")
MODULATED = ("_cell_wave_vector", "_atom_site_moment_fourier", "_atom_site_fourier_wave_vector", "_space_group_symop_ssg")


@dataclass(frozen=True)
class MagneticOperation:
    """rotation (3, 3) and translation (3,) in reduced coordinates; theta: -1 where time is reversed."""

    rotation: Real
    translation: Real
    theta: int


@dataclass(frozen=True)
class AtomSite:
    """A line of the table of atoms: label, chemical symbol, reduced position, moment in reduced components (Bohr magnetons
    per angstrom: m = sum_i moment_i a_i).
    """

    label: str
    symbol: str
    position: Real
    moment: Real


@dataclass(frozen=True)
class MagneticCell:
    """All atoms of the cell: lattice (3, 3) rows, angstrom; labels, symbols; positions (i, 3) reduced; moments (i, 3)
    Cartesian, Bohr magnetons. breaks_time_reversal : the file lists magnetic operations, and time reversal is not among them.
    """

    lattice: Real
    labels: tuple[str, ...]
    symbols: tuple[str, ...]
    positions: Real
    moments: Real
    breaks_time_reversal: bool

    def checked_moments(self, path: Path) -> Real:
        """The moments (i, 3). Raises InputError where there are none, and the operations of the file say that there are."""
        if self.breaks_time_reversal and not self.moments.any():
            raise InputError(
                f"the magnetic operations of '{path}' do not have time reversal, so that there must be moments, and it has none: "
                "add them to the file, or give magnetic_moments (zeros if there are none)"
            )
        return self.moments


def read_cif(path: Path) -> MagneticCell:
    """All atoms and moments of the cell of a CIF.

    Raises InputError: no CIF, no operations, an incommensurate structure, moments that are not along crystal or Cartesian axes,
    moments that contradict the operations, two atoms on one place, places that are partly occupied.
    """
    items = _items(path)
    modulated = [tag for tag in items if tag.startswith(MODULATED)]
    if modulated:
        raise InputError(
            f"'{path}' has the item '{modulated[0]}': the structure is modulated, and its moments are waves; give a commensurate "
            "supercell with one moment for each atom"
        )
    lattice = _lattice(items, path)
    operations = _operations(items, path)
    sites = _sites(items, lattice, path)
    found = [_orbit(site, operations, lattice, path) for site in sites]
    positions = np.concatenate([positions for positions, _ in found])
    moments = np.concatenate([moments for _, moments in found]) @ lattice
    counts = [len(p) for p, _ in found]
    labels = tuple(site.label for site, n in zip(sites, counts, strict=True) for _ in range(n))
    symbols = tuple(site.symbol for site, n in zip(sites, counts, strict=True) for _ in range(n))
    _check_apart(positions, lattice, labels, path)
    broken = not any(g.theta < 0 and np.allclose(g.rotation, np.eye(3)) for g in operations)
    return MagneticCell(lattice, labels, symbols, positions, moments, broken and any("symop_magn" in tag for tag in items))


# --- items ----------------------------------------------------------------------------------------------------


def _items(path: Path) -> dict[str, list[str]]:
    """Columns of the first data block that has a cell, by name: small letters, underlines for dots."""
    try:
        from gemmi import cif
    except ImportError as error:
        raise InputError(
            f"reading the magnetic CIF '{path}' needs gemmi (pip install gemmi); or give the moments with magnetic_moments"
        ) from error
    text = read_bytes(path).decode("utf-8", "replace")
    try:
        document: Any = cif.read_string(text, check_level=0)  # items that stand twice are looked at below
    except Exception as error:  # gemmi raises ValueError, RuntimeError, and what the next release adds
        line = re.match(r"string:(\d+)", str(error))
        found = "".join(text.splitlines()[int(line[1]) - 1 : int(line[1])] if line else []).strip()[:60]
        which = f"line {line[1]} cannot be read: '{found}'" if line else str(error)[:200]
        raise InputError(f"'{path}' is no CIF: {which}; a value of several words needs quotes") from error
    for block in document:
        items: dict[str, list[str]] = {}
        for item in block:
            if item.pair is not None:
                _add(items, item.pair[0], [cif.as_string(item.pair[1])], path)
            elif item.loop is not None and item.loop.length():  # one without rows says nothing
                width = len(item.loop.tags)
                for i, tag in enumerate(item.loop.tags):
                    _add(items, tag, [cif.as_string(value) for value in item.loop.values[i::width]], path)
        if "_cell_length_a" in items:
            return items
    raise InputError(f"'{path}' has no data block with '_cell_length_a'; expected a CIF with a unit cell")


def _add(items: dict[str, list[str]], tag: str, values: list[str], path: Path) -> None:
    """Raises InputError where an item of the crystal stands twice with different values."""
    name = _name(tag)
    if name.startswith(CRYSTAL) and items.get(name, values) != values:
        raise InputError(f"'{path}' has the item '{tag}' twice, with different values: leave one of them")
    items[name] = values


def _name(tag: str) -> str:
    return str(tag).lower().replace(".", "_")


def _number(text: str, tag: str, path: Path) -> float:
    """'3.14(2)' -> 3.14."""
    from gemmi import cif

    value = float(cif.as_number(text))
    if not np.isfinite(value):
        raise InputError(f"'{path}': {tag} is '{text}', expected a finite number")
    return value


def _column(items: Mapping[str, list[str]], names: Sequence[str]) -> list[str] | None:
    """The first of some columns that is there."""
    return next((items[name] for name in names if name in items), None)


def _table(items: Mapping[str, list[str]], tags: Sequence[str], path: Path) -> Real:
    """Columns of numbers, (row, column)."""
    return np.array([[_number(text, tag, path) for text in items[tag]] for tag in tags]).T


def _lattice(items: Mapping[str, list[str]], path: Path) -> Real:
    """Rows; a along x, b in the plane xy."""
    from gemmi import UnitCell

    tags = [f"_cell_length_{a}" for a in "abc"] + [f"_cell_angle_{a}" for a in ("alpha", "beta", "gamma")]
    missing = [tag for tag in tags if tag not in items]
    if missing:
        raise InputError(f"'{path}' lacks {', '.join(missing)}")
    values = _table(items, tags, path)[0]
    lattice = np.array(UnitCell(*values).orth.mat.tolist()).T
    flat = not np.isfinite(lattice).all() or abs(np.linalg.det(lattice)) < 1e-6 * np.prod(values[:3])
    if min(values) <= 0 or max(values[3:]) >= 180 or flat:
        raise InputError(f"'{path}': lengths and angles {values.tolist()} make no unit cell")
    return lattice


# --- operations -----------------------------------------------------------------------------------------------


def _operations(items: Mapping[str, list[str]], path: Path) -> list[MagneticOperation]:
    """Every operation times every centring translation."""
    wanted = "_space_group_symop_magn_operation_xyz"
    listed = _column(items, (wanted, "_space_group_symop_magn_xyz", "_space_group_symop_magn_id_xyz"))
    if listed is None:
        plain = _column(items, ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz"))
        if not any(tag.startswith(TELLING) for tag in items):
            return [_operation(text + ",+1", path) for text in plain or _named_operations(items, path)]
        if plain is None or {"".join(p.split()).lower() for p in plain} != {"x,y,z"}:
            raise InputError(
                f"'{path}' has magnetic items and no '_space_group_symop_magn_operation.xyz': without the magnetic operations it "
                "is not known which atoms and moments the cell has; write them, or the whole cell with the operation x,y,z,+1"
            )
        listed = ["x,y,z,+1"]
    centring = _column(items, ("_space_group_symop_magn_centering_xyz",)) or ["x,y,z,+1"]
    operations = [_operation(text, path) for text in listed]
    return [_product(c, g) for c in (_operation(text, path) for text in centring) for g in operations]


def _named_operations(items: Mapping[str, list[str]], path: Path) -> list[str]:
    """Those of the space group that the file names; without a name the file has all atoms. Raises InputError."""
    import gemmi

    name = (_column(items, ("_symmetry_space_group_name_h-m", "_space_group_name_h-m_alt")) or ["?"])[0]
    if name in ("?", ".", ""):
        return ["x,y,z"]
    alpha, gamma = (_number(items[tag][0], tag, path) for tag in ("_cell_angle_alpha", "_cell_angle_gamma"))
    group: Any = gemmi.find_spacegroup_by_name(name, alpha, gamma)
    if group is None or (group.ext in "12" and ":" not in name):
        why = "which is not known" if group is None else "which has two origins"
        raise InputError(
            f"'{path}' has the space group '{name}', {why}, and no operations: list them in _space_group_symop_operation_xyz"
        )
    return [operation.triplet() for operation in group.operations()]


def _operation(text: str, path: Path) -> MagneticOperation:
    """'x+1/2,-y,-z,-1' -> an operation."""
    from gemmi import Op

    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 4 or parts[3] not in ("+1", "1", "-1"):
        raise InputError(f"'{path}': the magnetic operation '{text}' should read like 'x+1/2,-y,z,-1', the last +1 or -1")
    try:
        triplet = Op(",".join(parts[:3]))
    except RuntimeError as error:
        raise InputError(f"'{path}': the magnetic operation '{text}' cannot be read: {error}") from error
    rotation = np.array(triplet.rot, float) / Op.DEN
    if abs(abs(np.linalg.det(rotation)) - 1) > 1e-6:
        raise InputError(f"'{path}': the magnetic operation '{text}' is no rotation, its determinant is not +1 or -1")
    return MagneticOperation(rotation, np.array(triplet.tran, float) / Op.DEN, int(parts[3]))


def _product(first: MagneticOperation, second: MagneticOperation) -> MagneticOperation:
    translation = first.rotation @ second.translation + first.translation
    return MagneticOperation(first.rotation @ second.rotation, translation, first.theta * second.theta)


# --- atoms ----------------------------------------------------------------------------------------------------


def _sites(items: Mapping[str, list[str]], lattice: Real, path: Path) -> list[AtomSite]:
    """The listed atoms with their moments."""
    places = [f"_atom_site_fract_{x}" for x in "xyz"]
    if any(tag not in items for tag in ("_atom_site_label", *places)):
        raise InputError(f"'{path}' lacks a table of atoms with _atom_site_label and {', '.join(places)}")
    labels = items["_atom_site_label"]
    other = [
        tag for tag in (*places, "_atom_site_type_symbol", "_atom_site_occupancy") if len(items.get(tag, labels)) != len(labels)
    ]
    if other:
        raise InputError(f"'{path}' has {len(items[other[0]])} values of {other[0]} and {len(labels)} labels of atoms")
    symbols = items.get("_atom_site_type_symbol", labels)
    positions = _table(items, places, path)
    moments = _moments(items, lattice, path)
    unknown = sorted(set(moments) - set(labels))
    if unknown:
        raise InputError(f"'{path}' gives a moment to '{unknown[0]}', which is not among its atoms {', '.join(labels)}")
    if len(set(labels)) < len(labels) and moments:
        raise InputError(f"'{path}' has two atoms of one label among {', '.join(labels)}: their moments cannot be told apart")
    there = _occupied(items, labels, path)
    zero = np.zeros(3)
    rows = [row for row, full in zip(zip(labels, symbols, positions, strict=True), there, strict=True) if full]
    if not rows:
        raise InputError(f"'{path}' has no atom: by _atom_site_occupancy all places are empty")
    return [AtomSite(*row, moments.get(row[0], zero)) for row in rows]


def _occupied(items: Mapping[str, list[str]], labels: Sequence[str], path: Path) -> list[bool]:
    """Whether each listed atom is there. Raises InputError for places that are partly occupied."""
    told = items.get("_atom_site_occupancy", ["1"] * len(labels))
    shares = [1.0 if text in ("?", ".", "") else _number(text, "_atom_site_occupancy", path) for text in told]
    for label, share in zip(labels, shares, strict=True):
        if 0 < share < FULL:
            raise InputError(
                f"'{path}': the place of '{label}' is occupied by {share:g}; a structure with mixed or partly occupied places has "
                "no band structure, choose one atom or none for each place"
            )
    return [share > 0 for share in shares]


def _moments(items: Mapping[str, list[str]], lattice: Real, path: Path) -> dict[str, Real]:
    """Moments by label, in reduced components. None at all is a nonmagnetic crystal."""
    tags = [tag for tag in items if "moment" in tag and not tag.endswith(("symmform", "_su"))]
    if not tags:
        return {}
    labels = _column(items, ("_atom_site_moment_label",))
    for kind, scale in (
        ("crystalaxis", 1 / np.linalg.norm(lattice, axis=1)[:, None] * np.eye(3)),
        ("cartn", np.linalg.inv(lattice)),
    ):
        columns = [f"_atom_site_moment_{kind}_{x}" for x in "xyz"]
        if labels is not None and all(column in items for column in columns):
            return dict(zip(labels, _table(items, columns, path) @ scale, strict=True))
    raise InputError(
        f"'{path}' has moments in the items {', '.join(tags)}, which cannot be read; expected _atom_site_moment.label and "
        "_atom_site_moment.crystalaxis_x, _y, _z (along unit vectors of the axes) or _atom_site_moment.Cartn_x, _y, _z"
    )


def _orbit(site: AtomSite, operations: Sequence[MagneticOperation], lattice: Real, path: Path) -> tuple[Real, Real]:
    """Positions and moments (reduced) of all images of an atom, each the mean of those that fall on one place."""
    R = np.array([g.rotation for g in operations])
    places = R @ site.position + [g.translation for g in operations]
    signs = np.array([g.theta for g in operations]) * np.round(np.linalg.det(R))
    moments = signs[:, None] * (R @ site.moment)
    left = np.arange(len(places))
    found = []
    while len(left):
        apart = places[left] - places[left[0]]
        apart -= np.round(apart)
        near = np.linalg.norm(apart @ lattice, axis=1) < SAME_PLACE
        here = left[near]
        mean = moments[here].mean(axis=0)
        _check_moment(site, moments[here] @ lattice, path)
        found.append(((places[left[0]] + apart[near].mean(axis=0)) % 1.0, mean))
        left = left[~near]
    return np.array([place for place, _ in found]), np.array([moment for _, moment in found])


def _check_moment(site: AtomSite, moments: Real, path: Path) -> None:
    """Operations that leave an atom where it is must leave its moment as it is. moments: (image, 3) Cartesian."""
    spread = float(np.linalg.norm(moments - moments.mean(axis=0), axis=1).max())
    if spread > SAME_MOMENT * max(1.0, float(np.linalg.norm(moments[0]))):
        raise InputError(
            f"'{path}': operations that leave the atom '{site.label}' where it is turn its moment {moments[0].round(3).tolist()} "
            f"mu_B (Cartesian) by {spread:.2g} mu_B: moments and magnetic operations contradict each other"
        )


def _check_apart(positions: Real, lattice: Real, labels: Sequence[str], path: Path) -> None:
    apart: Any = positions[:, None] - positions[None]
    apart -= np.round(apart)
    distance = np.linalg.norm(apart @ lattice, axis=-1) + np.diag(np.full(len(positions), np.inf))
    if len(labels) > 1 and distance.min() < SAME_PLACE:
        i, j = divmod(int(distance.argmin()), len(labels))
        raise InputError(
            f"'{path}': atoms of '{labels[i]}' and '{labels[j]}' sit {distance.min():.2g} angstrom apart; a structure with mixed "
            "or partly occupied places has no band structure, choose one atom for each place"
        )
