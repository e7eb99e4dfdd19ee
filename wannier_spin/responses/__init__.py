"""The twelve responses of the paper, and what goes beyond, one effect per module; see `registry`."""

from wannier_spin.responses import (  # noqa: F401, I001  (they register, in the order of the paper, that of every table)
    linear_extrinsic,  # (4), (5)
    linear_intrinsic,  # (6)
    displacement,  # (7), (8)
    finite_frequency,
    nonlinear_drude,  # (9), (10)
    nonlinear_extrinsic,  # (11), (12)
    nonlinear_intrinsic,  # (13), (14)
    photocurrent,
)
from wannier_spin import observables
from wannier_spin.responses.pairs import BandPairs
from wannier_spin.responses.registry import (
    BLOCKS,
    DYNAMIC_BLOCKS,
    RELAXATIONS,
    RESPONSES,
    THERMAL_RESPONSES,
    Block,
    DynamicBlock,
    Response,
    block,
    get,
    names,
    register,
    respond,
    thermal_names,
    time_odd,
)

__all__ = [
    "BLOCKS",
    "DYNAMIC_BLOCKS",
    "RELAXATIONS",
    "RESPONSES",
    "THERMAL_RESPONSES",
    "BandPairs",
    "Block",
    "DynamicBlock",
    "Response",
    "block",
    "get",
    "names",
    "register",
    "thermal_names",
    "time_odd",
]
observables.follow(respond)
