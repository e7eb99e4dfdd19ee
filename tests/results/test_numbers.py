"""Digits as the error bar allows."""

import math

import pytest

from wannier_spin.results.numbers import short, with_bar

CASES = {
    (2.2912e5, 3.1e3): "2.29(3)e5",
    (-1.322719e6, 9.5e4): "-1.32(10)e6",
    (-2.52e4, 4.5e4): "-3(5)e4",
    (22.4839, 0.03): "22.48(3)",
    (0.00123, 0.00004): "0.00123(4)",
    (123.0, 1.7): "123.0(17)",
    (123.0, 45.0): "120(50)",
    (123.0, 9.6): "123(10)",
    (22.4839, 0.097): "22.48(10)",
    (123.0, 1.97): "123(2)",
    (0.0, 0.0): "0",
    (1.23456, 1e-17): "1.23456",
    (5.0, math.nan): "5 (no estimate)",
    (5.0, math.inf): "5 (bar not finite)",
    (math.inf, 1.0): "not finite",
    (math.nan, math.nan): "not finite",
    (1e-20, 4e4): "0(4)e4",
}


@pytest.mark.parametrize(("number", "text"), CASES.items())
def test_known(number: tuple[float, float], text: str) -> None:
    assert with_bar(*number) == text


@pytest.mark.parametrize("exponent", range(-12, 13, 3))
@pytest.mark.parametrize("value", [1.0, -3.14159, 9.996])
@pytest.mark.parametrize("relative", [0.97, 0.3, 0.0195, 1e-3, 4.4e-6])
def test_what_is_read_back_is_the_number(value: float, relative: float, exponent: int) -> None:
    """Within a tenth of the bar where it has two digits, half of one unit of its digit else; the bar within a third."""
    number, error = value * 10.0**exponent, abs(value) * relative * 10.0**exponent
    mantissa, _, rest = with_bar(number, error).partition("(")
    digits, _, power = rest.partition(")")
    scale = 10.0 ** int(power[1:] or 0)
    place = 10.0 ** -len(mantissa.partition(".")[2]) * scale
    bar = int(digits) * place
    assert float(mantissa) * scale == pytest.approx(number, abs=0.51 * place)
    assert bar == pytest.approx(error, abs=0.51 * place)
    assert 2 <= int(digits) <= 20


def test_short() -> None:
    assert (short(2.29e5), short(1e-7), short(22.48390001), short(math.inf)) == ("229000", "1e-7", "22.4839", "not finite")
