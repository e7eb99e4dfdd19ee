"""Single values of a request, checked: numbers, lists of them, relaxation times in their unit."""

from __future__ import annotations

import math
import sys
from numbers import Integral
from numbers import Real as Number
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from wannier_spin import units as un
from wannier_spin.errors import InputError

Real = NDArray[np.float64]
LARGEST = sys.float_info.max
NUMERIC = "iufO"  # kinds of arrays; whole numbers of more than 64 bits are objects
DEFAULT_TAU = {"natural": 1.0, "SI": 10.0}  # hbar/eV, fs
TAU_UNIT = {"natural": "hbar/eV", "SI": "fs"}
TAU_MEANT = {"natural": (1e-6, 1e12), "SI": (1e-3, 1e10)}  # beyond: another unit was meant (hbar/eV is 0.66 fs)


def as_tuple(values: Any) -> tuple[Any, ...]:
    """As given, to be checked against the model."""
    try:
        return tuple(values)
    except TypeError:
        return (values,)


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is one real number, of Python or numpy, that a double can hold; True and False are none."""
    return isinstance(value, Number) and not isinstance(value, bool) and not LARGEST < abs(value) < math.inf  # type: ignore[operator]


def is_finite(value: object) -> TypeGuard[float]:
    """Whether it is a number, and neither NaN nor infinite."""
    return is_number(value) and -math.inf < value < math.inf


def is_whole(value: object) -> TypeGuard[int]:
    """Whether it is one whole number, of Python or numpy; 2.0, True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def numbers(name: str, values: object) -> Real:
    """A number or a list as an array (values,).

    Raises InputError for what is not finite, and for an empty list of anything but omega.
    """
    try:
        array = np.atleast_1d(np.asarray(values))
        array = array.astype(float) if array.dtype.kind in NUMERIC else np.array([np.nan])
    except (TypeError, ValueError, OverflowError):
        array = np.array([np.nan])
    if array.ndim != 1 or not np.isfinite(array).all() or (not len(array) and name != "omega"):
        raise InputError(f"{name} must be a number or a list of finite numbers, found {values!r}")
    return array


def check_positive(name: str, value: object, what: str) -> None:
    """Raise InputError for what is neither None nor a positive number."""
    if value is not None and not (is_number(value) and 0 < value < np.inf):
        raise InputError(f"{name} = {value!r}, expected a positive {what}")


def check_switch(name: str, value: object) -> None:
    """Raise InputError for what is neither True nor False: a word such as "false" would be taken for true."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} = {value!r}, expected True or False")


def switches(name: str, given: object) -> tuple[bool, ...]:
    """True or False for each of three directions; 1 and 0 are taken for them. Raises InputError for anything else."""
    found = as_tuple(given)
    if len(found) != 3 or not all(isinstance(p, bool | np.bool_) or (is_whole(p) and p in (0, 1)) for p in found):
        raise InputError(f"{name} = {given!r}, expected True or False for each of three directions")
    return tuple(bool(p) for p in found)


def texts(name: str, given: object) -> tuple[str, ...]:
    """One name, or several. Raises InputError for anything else."""
    names = (given,) if isinstance(given, str) else as_tuple(given)
    if not all(isinstance(one, str) for one in names):
        raise InputError(f"{name} = {given!r}, expected a name or a list of names")
    return names


def taus_of(given: object, units: un.UnitSystem) -> Real:
    """Relaxation times (tau,) in their unit; None: the default. Raises InputError for what is another unit's."""
    taus = numbers("tau", DEFAULT_TAU[units] if given is None else given)
    if (taus <= 0).any():
        raise InputError(f"tau must be positive, found {taus.min():g}")
    least, most = TAU_MEANT[units]
    strange = taus[(taus < least) | (taus > most)]
    if len(strange):
        seconds = f"; if seconds are meant, write {1e15 * strange[0]:g}" if strange[0] < least else ""  # long times are no seconds
        hint = seconds if units == "SI" else "; SI units take tau in fs"
        raise InputError(
            f"tau = {strange[0]:g} {TAU_UNIT[units]} cannot be meant: with {units} units tau is in {TAU_UNIT[units]}, usually 1 to "
            f"1000{hint}"
        )
    return taus
