"""Responses by name, and how they were made."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wannier_spin.errors import InputError
from wannier_spin.results.arrays import dataset, merged, plain
from wannier_spin.results.facts import SPIN_CURRENT_DEFINITIONS, RunFacts
from wannier_spin.results.select import Wanted
from wannier_spin.results.tensor import ResponseTensor
from wannier_spin.storage import Labelled, write_tree

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, repr=False)
class ResultSet(Mapping[str, ResponseTensor]):
    """Responses by name, how they were made (`facts`), and the warnings that were given."""

    tensors: Mapping[str, ResponseTensor]
    facts: RunFacts = RunFacts()
    warnings: tuple[str, ...] = ()

    @cached_property
    def provenance(self) -> Mapping[str, Any]:
        """`facts` as a mapping, by the names that files have (docs/results.md)."""
        return self.facts.as_mapping()

    def with_facts(self, **changes: Any) -> ResultSet:
        """The same with other fields of `facts`."""
        return dataclasses.replace(self, facts=dataclasses.replace(self.facts, **changes))

    def __getitem__(self, name: str) -> ResponseTensor:
        try:
            return self.tensors[name]
        except KeyError:
            raise KeyError(f"no response '{name}' in this result; it has {', '.join(self.tensors)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def sel(self, **where: Wanted) -> ResultSet:
        """Every response at chosen mu, temperature, omega, tau, see `ResponseTensor.sel`; static ones have no omega to choose."""

        def of(tensor: ResponseTensor) -> ResponseTensor:
            return tensor.sel(**{axis: value for axis, value in where.items() if axis != "omega" or len(tensor.omega)})

        return dataclasses.replace(self, tensors={name: of(tensor) for name, tensor in self.items()})

    def __repr__(self) -> str:
        from wannier_spin.results.show import result_text

        return result_text(self)

    def _repr_html_(self) -> str:
        from wannier_spin.results.html import result_html

        return result_html(self)

    def quoted(self, *units: str) -> ResultSet:
        """In units that people quote, where they fit: "S/cm", "mu_B/cell", "mu_B/atom", "mu_B nm/V", "uA/V^2".

        Raises InputError for another one, for one that fits nothing, and where the cell or the atoms are not known.
        """
        from wannier_spin.results.quoted import quoted

        return quoted(self, *units)

    def definition(self, name: str) -> ResultSet:
        """The responses that were computed with another definition of the spin current. Raises InputError where there are none."""
        if name == self.facts.spin_current:
            return self
        found = {tensor.name: tensor.definition(name) for tensor in self.values() if tensor.definitions}
        if not found:
            raise InputError("this result has one definition of the spin current: compute it with several")
        facts = dataclasses.replace(self.facts, spin_current=name, spin_current_definition=SPIN_CURRENT_DEFINITIONS[name])
        return dataclasses.replace(self, tensors=found, facts=facts)

    def site(self, name: str) -> ResultSet:
        """Those responses that were projected on sites, at one of them. Raises InputError where there are none."""
        return self._at_sites(lambda tensor: tensor.site(name))

    def uniform(self, *names: str) -> ResultSet:
        """Those responses summed over sites, see `ResponseTensor.uniform`."""
        return self._at_sites(lambda tensor: tensor.uniform(*names))

    def staggered(self, first: str, second: str) -> ResultSet:
        """Those responses at one site minus those at another, see `ResponseTensor.staggered`."""
        return self._at_sites(lambda tensor: tensor.staggered(first, second))

    def _at_sites(self, at_site: Callable[[ResponseTensor], ResponseTensor]) -> ResultSet:
        found = [at_site(tensor) for tensor in self.values() if tensor.sites]
        if not found:
            raise InputError("no response in this result is projected on sites: compute a spin response with sites")
        return dataclasses.replace(self, tensors={tensor.name: tensor for tensor in found})

    def save(self, path: str | Path) -> Path:
        """Write everything to one HDF5 file, whole or not at all. Raises InputError if that is impossible."""
        from wannier_spin.results.store import to_file

        return write_tree(path, to_file(self))

    def arrays(self) -> dict[str, Labelled]:
        """Every response and its error as arrays with named axes, and their coordinates: what `to_xarray` makes a Dataset of.

        Raises InputError where two responses differ in mu, temperature, omega or tau.
        """
        return merged(self.values())

    def to_xarray(self) -> xarray.Dataset:
        """One dataset of all responses, see `ResponseTensor.to_xarray`; attributes: provenance and warnings as JSON.

        Raises InputError where xarray is not installed, or where two responses differ in mu, temperature, omega or tau.
        """
        return dataset(self.arrays()).assign_attrs(self.description())

    def description(self) -> dict[str, str]:
        """Provenance and warnings as JSON texts."""
        return {"provenance": json.dumps(plain(self.provenance)), "warnings": json.dumps(self.warnings)}
