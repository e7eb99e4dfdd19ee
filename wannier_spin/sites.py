"""Sites: which Wannier functions belong to which atom.

A Wannier function belongs to the atom that its centre is nearest to, images under lattice translations included, if it is
nearer than a third of the distance from that atom to the next one: every other atom is then at least twice as far. Anything
else, such as a function on a bond, is refused: only its user knows where it belongs.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wannier_spin.continuum import Model
from wannier_spin.errors import InputError
from wannier_spin.model import Structure, TightBindingModel
from wannier_spin.orbitals import Orbitals
from wannier_spin.readers import chemical_symbol
from wannier_spin.values import as_tuple, is_whole

Real = NDArray[np.float64]
FAR = 1 / 3  # of the distance to the next atom
NAME = re.compile(r"\w[\w.+-]*")


@dataclass(frozen=True)
class Sites:
    """Groups of Wannier functions by name, and of atoms of a structure where that is known. Both are numbered from 0.

    Raises InputError: a name that cannot stand in a file, a site without functions or with one twice, two equal sites.
    """

    functions: Mapping[str, tuple[int, ...]]
    atoms: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        owners: dict[frozenset[int], str] = {}
        for name, functions in self.functions.items():
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise InputError(f"site '{name}': a name is made of letters, digits and _ . + -, and starts with a letter or digit")
            if not functions or len(set(functions)) < len(functions):
                raise InputError(f"site '{name}' has {'no Wannier function' if not functions else 'a Wannier function twice'}")
            other = owners.setdefault(frozenset(functions), name)
            if other != name:
                raise InputError(f"sites '{other}' and '{name}' are the same Wannier functions; leave one of them out")


SitesLike = Literal["atoms"] | Mapping[str, str | Sequence[int] | Sequence[str]] | Sites


def atom_names(structure: Structure) -> tuple[str, ...]:
    """Symbol and number among the atoms of the kind: Mn1, Mn2, Au1."""
    count: dict[str, int] = {}
    names = []
    for number in structure.numbers.tolist():
        symbol = chemical_symbol(number)
        count[symbol] = count.get(symbol, 0) + 1
        names.append(f"{symbol}{count[symbol]}")
    return tuple(names)


def atomic_sites(model: TightBindingModel, structure: Structure) -> Sites:
    """One site for each atom that has Wannier functions, by their centres.

    Raises InputError for a function that belongs to no atom alone.
    """
    return _one_for_each_atom(_owners(model.centres @ np.linalg.inv(structure.lattice), structure), structure)


def projected_sites(orbitals: Orbitals, structure: Structure) -> Sites:
    """One site for each atom that has Wannier functions, by where these were projected on.

    Raises InputError for a function that belongs to no atom alone.
    """
    return _one_for_each_atom(_owners(orbitals.positions[orbitals.site], structure), structure)


def resolved_sites(given: SitesLike | None, model: Model, structure: Structure | None) -> Sites:
    """Sites as `compute` takes them; None: there are none.

    Raises InputError: what is no site, atoms without a structure, and with a structure sites that are not whole atoms (what
    an operation makes of a part of the functions of an atom is not known).
    """
    if given is None:
        return Sites({})
    if isinstance(given, str) and given == "atoms":
        return atomic_sites(*_crystal(model, structure))
    if isinstance(given, str) or not isinstance(given, Mapping | Sites):
        raise InputError(f"sites = {given!r}, expected 'atoms', or names with lists of Wannier functions or of atoms")
    if isinstance(given, Mapping) and not given:
        raise InputError("sites = {} names no site; leave it out for responses of the whole cell")
    sites = given if isinstance(given, Sites) else _listed(given, model, structure)
    for name, functions in sites.functions.items():
        if not 0 <= min(functions) <= max(functions) < model.n_bands:
            raise InputError(f"site '{name}' has Wannier functions {list(functions)}; the model has 0 to {model.n_bands - 1}")
    if structure is None or sites.atoms:
        return sites
    return _with_atoms(sites, atomic_sites(*_crystal(model, structure)))


def _listed(given: Mapping[str, Any], model: Model, structure: Structure | None) -> Sites:
    """From lists of functions, or of names of atoms."""
    functions: dict[str, tuple[int, ...]] = {}
    for name, told in given.items():
        members = (told,) if isinstance(told, str) else as_tuple(told)
        if all(map(is_whole, members)):
            functions[name] = tuple(int(member) for member in members)
        elif all(isinstance(member, str) for member in members):
            known = atomic_sites(*_crystal(model, structure)).functions
            unknown = [member for member in members if member not in known]
            if unknown:
                raise InputError(f"site '{name}': no atom '{unknown[0]}' has Wannier functions; those that do: {', '.join(known)}")
            functions[name] = tuple(f for member in members for f in known[member])
        else:
            raise InputError(f"site '{name}' = {told!r}, expected Wannier functions (whole numbers), or names of atoms")
    return Sites(functions)


def _with_atoms(sites: Sites, single: Sites) -> Sites:
    """The same sites with their atoms. single : one site for each atom."""
    found = {}
    for name, functions in sites.functions.items():
        touched = [atom for atom, own in single.functions.items() if not set(own).isdisjoint(functions)]
        for atom in touched:
            inside = len(set(single.functions[atom]) & set(functions))
            if inside < len(single.functions[atom]):
                raise InputError(
                    f"site '{name}' has {inside} of the {len(single.functions[atom])} Wannier functions of atom {atom}: with a "
                    "structure sites must be whole atoms, because it is not known what operations make of single functions; "
                    "leave the symmetry out, or take whole atoms"
                )
        found[name] = tuple(i for atom in touched for i in single.atoms[atom])
    return Sites(sites.functions, found)


def _crystal(model: Model, structure: Structure | None) -> tuple[TightBindingModel, Structure]:
    need = "sites named by atoms need a crystal structure (symmetry); or list the Wannier functions of each site"
    if structure is None:
        raise InputError(need)
    return model.crystal(need), structure


def _one_for_each_atom(owners: NDArray[np.int64], structure: Structure) -> Sites:
    functions, atoms = {}, {}
    for atom, name in enumerate(atom_names(structure)):
        own = np.flatnonzero(owners == atom)
        if len(own):
            functions[name], atoms[name] = tuple(own.tolist()), (atom,)
    return Sites(functions, atoms)


def _owners(places: Real, structure: Structure) -> NDArray[np.int64]:
    """The atom that each place (n, 3), reduced, belongs to. Raises InputError for one that belongs to none alone."""
    distance = _distances(places, structure)
    between = _distances(structure.positions, structure)
    np.fill_diagonal(between, np.inf)
    owner = distance.argmin(axis=1)
    excess = distance.min(axis=1) - FAR * between.min(axis=1)[owner]
    if excess.max() > 0:
        n = int(excess.argmax())
        names, atom = atom_names(structure), int(owner[n])
        raise InputError(
            f"Wannier function {n + 1} (counted from 1) is {distance[n, atom]:.3g} angstrom from the nearest atom, {names[atom]}, "
            f"and {names[int(between[atom].argmin())]} is only {between[atom].min():.3g} from that: it belongs to no atom alone "
            "(a third is allowed); say which functions belong to which site, names and lists, and leave the symmetry out"
        )
    return owner


def _distances(places: Real, structure: Structure) -> Real:
    """From each place (n, 3), reduced, to the nearest image of each atom: (n, i), angstrom."""
    apart = places[:, None] - structure.positions[None]
    apart = apart - np.round(apart)
    images = np.array(list(itertools.product((-1, 0, 1), repeat=3)))  # cells are oblique
    return np.asarray(np.linalg.norm((apart[:, :, None] + images) @ structure.lattice, axis=-1).min(axis=-1))
