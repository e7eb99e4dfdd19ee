"""What a calculation returns: tensors with their axes, units and blocks, and how they were made."""

from wannier_spin.results.arrays import plain
from wannier_spin.results.carriers import CarrierScan, along_carriers
from wannier_spin.results.choose import groups, independent, is_forbidden, largest
from wannier_spin.results.combine import intraband_factor
from wannier_spin.results.facts import SPIN_CURRENT_DEFINITIONS, MeshFacts, RunFacts, SymmetryFacts, ToleranceFacts
from wannier_spin.results.set import ResultSet
from wannier_spin.results.store import KIND, load
from wannier_spin.results.tensor import SPREAD, ResponseTensor, at_site

__all__ = [
    "KIND",
    "SPIN_CURRENT_DEFINITIONS",
    "SPREAD",
    "CarrierScan",
    "MeshFacts",
    "ResponseTensor",
    "ResultSet",
    "RunFacts",
    "SymmetryFacts",
    "ToleranceFacts",
    "along_carriers",
    "at_site",
    "groups",
    "independent",
    "intraband_factor",
    "is_forbidden",
    "largest",
    "load",
    "plain",
]
