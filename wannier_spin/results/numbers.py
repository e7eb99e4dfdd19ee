"""Numbers with as many digits as their error bars allow, and what there is to say about the bars."""

from __future__ import annotations

import math

NO_ESTIMATE = "no estimate"
NOT_FINITE = "not finite"
DIGITS = 9  # an error below the last of so many is rounding
PLAIN = (-3, 2)  # powers of ten that are written without an exponent


def with_bar(value: float, error: float) -> str:
    """The value, in brackets the error in units of its last digit: "2.29(3)e5". The error has two digits where it begins with 1.

    What is not finite and what has no estimate (NaN) is said in words.
    """
    if not math.isfinite(value):
        return NOT_FINITE
    if not math.isfinite(error):
        return f"{short(value)} ({NO_ESTIMATE if math.isnan(error) else 'bar ' + NOT_FINITE})"
    if error < abs(value) * 10.0**-DIGITS or error == 0:
        return short(value)
    exponent = _power(max(abs(value), error))
    place = _last_place(error)
    if PLAIN[0] <= exponent <= PLAIN[1]:
        exponent = 0
    scaled = round(value / 10.0**place) * 10.0 ** (place - exponent)
    decimals = max(0, exponent - place)
    bar = math.floor(error / 10.0**place + 0.5) * (10 ** (place - exponent) if place > exponent else 1)
    return f"{scaled + 0.0:.{decimals}f}({bar})" + (f"e{exponent}" if exponent else "")


def short(value: float) -> str:
    """Six digits at most: "2.29e5", "0.01"."""
    if not math.isfinite(value):
        return NOT_FINITE
    text = f"{value:.6g}"
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else text


def _power(size: float) -> int:
    return math.floor(math.log10(size))


def _last_place(error: float) -> int:
    """The power of ten of the last digit that is worth writing."""
    first = _power(error)
    return first - 1 if round(error / 10.0**first, 1) < 2 and round(error / 10.0 ** (first - 1)) < 20 else first
