"""Equality of numbers that were computed twice: processors, libraries and shapes of arrays may change the last digits."""

import numpy as np


def same(found, expected, within=1e-13):
    """Of one shape, NaN in the same places, and equal up to `within` times the largest magnitude expected."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape or not np.array_equal(np.isnan(found), np.isnan(expected)):
        return False
    return bool(np.nanmax(np.abs(found - expected), initial=0) <= within * np.nanmax(np.abs(expected), initial=0))
