"""The twelve responses of the paper, and what goes beyond, one effect per module; see `registry`."""

from wannier_spin.responses import (  # noqa: I001  (the order of the paper, which is the order of every table)
    linear_extrinsic as _4_5,
    linear_intrinsic as _6,
    displacement as _7_8,
    finite_frequency as _ac,
    nonlinear_drude as _9_10,
    nonlinear_extrinsic as _11_12,
    nonlinear_intrinsic as _13_14,
    photocurrent as _light,
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
_EFFECTS = (_4_5, _6, _7_8, _ac, _9_10, _11_12, _13_14, _light)
observables.follow(respond)
