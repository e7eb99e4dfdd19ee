"""Model library: small models with spin whose answers are known. `names()` lists them, `get(name)` builds one.

All parameters are keywords with defaults; each docstring gives the Hamiltonian, the symmetry and the exact or reference
results. `from_hoppings` and `kp_model` build models of one's own.

    ws.models.kane_mele(soc=0.1)
    ws.models.get("kane_mele", soc=0.1)
"""

from wannier_spin.models.continuum import massive_dirac, tilted_dirac, tilted_dirac_pair, velocity_si
from wannier_spin.models.hoppings import from_hoppings
from wannier_spin.models.kp import kp_model
from wannier_spin.models.lattice import (
    altermagnet,
    kagome_mn3sn,
    kane_mele,
    pt_antiferromagnet,
    rashba_exchange,
    weyl,
    zincblende,
)
from wannier_spin.models.registry import get, names
from wannier_spin.models.synthetic import chiral_flat, random_model

__all__ = [
    "altermagnet",
    "chiral_flat",
    "from_hoppings",
    "get",
    "kagome_mn3sn",
    "kane_mele",
    "kp_model",
    "massive_dirac",
    "names",
    "pt_antiferromagnet",
    "random_model",
    "rashba_exchange",
    "tilted_dirac",
    "tilted_dirac_pair",
    "velocity_si",
    "weyl",
    "zincblende",
]
