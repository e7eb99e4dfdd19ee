"""Labels: symbols and units as mathtext, values of axes, and where a result comes from."""

from __future__ import annotations

import math
import re

from wannier_spin import observables
from wannier_spin import responses as resp
from wannier_spin.analysis.kpath import QUANTITIES, BandMap, Place
from wannier_spin.results import ResponseTensor, ResultSet, RunFacts
from wannier_spin.results.show import advice, spot_lines

_GEOMETRIC = {
    "spin_berry_curvature": "\\Omega^{{{}}}",
    "spin_metric": "g^{{{}}}",
    "zeeman_berry_curvature": "\\bar{{\\Omega}}^{{{}}}",
    "zeeman_metric": "\\bar{{g}}^{{{}}}",
    "spin": "\\langle\\sigma^{}\\rangle",
    "velocity": "v^{{{}}}",
}


def math_unit(unit: str) -> str:
    """A unit of `ResponseTensor.unit` as mathtext: "(hbar/e) S m^-1" -> "(ħ/e) S m$^{-1}$".

    That natural units have hbar = e = 1 is said elsewhere: the labels of axes are short of room.
    """
    text = unit.removesuffix("(hbar = e = 1)").strip().replace("hbar", "ħ").replace("angstrom", "Å")
    text = text.replace("mu_B", "$\\mu_B$").replace("uA", "μA").replace("S/cm", "S cm$^{-1}$")
    text = text.replace("<sigma/2>", "⟨σ/2⟩").replace("sigma", "σ").replace(" per ", " / ")
    return re.sub(r"\^(-?\d+)", lambda power: f"$^{{{power[1]}}}$", text)


def scaled_unit(unit: str, power: int) -> str:
    """A unit as `math_unit` has it, with a power of ten in front of it; empty where there is nothing to say."""
    return " ".join(word for word in (f"$10^{{{power}}}$" if power else "", math_unit(unit)) if word)


def unit_in_brackets(unit: str, power: int) -> str:
    """The same in brackets, to stand behind a name."""
    words = scaled_unit(unit, power)
    return f" ({words})" if words else ""


def math_symbol(symbol: str) -> str:
    r"""A symbol of the registry as mathtext: "sigma(0)_ab;c" -> "$\sigma^{(0)}_{ab;c}$"."""
    found = re.fullmatch(r"([a-z]+?)(\(\d\))?_([\w;]+)(\(omega\))?", symbol)
    if found is None:
        return symbol
    letter, power, indices, frequency = found.groups()
    order = f"^{{{power}}}" if power else ""
    return f"$\\{letter}{order}_{{{indices}}}" + ("(\\omega)$" if frequency else "$")


def wrapped(text: str, room: int) -> str:
    """Lines of at most so many letters as they are seen, broken at spaces outside of mathtext."""
    pieces = re.findall(r"(?:\$[^$]*\$|[^ \n])+", text)
    lines: list[str] = []
    for piece in pieces:
        if lines and len(seen(f"{lines[-1]} {piece}")) <= room:
            lines[-1] += f" {piece}"
        else:
            lines.append(piece)
    return "\n".join(lines)


def seen(text: str) -> str:
    """The letters that mathtext comes to, about."""
    return re.sub(r"\$([^$]*)\$", lambda found: re.sub(r"[{}^_]", "", re.sub(r"\\[a-z]+", "x", found[1])), text)


GREEK = {"sigma": "σ", "hbar": "ħ", "tau": "τ", "omega": "ω", "mu": "μ"}


def typeset(line: str) -> str:
    """Words that are also printed on terminals, as a figure has them: "tau^0" -> "τ$^{0}$"."""
    line = re.sub(r"(?<![\w.])(sigma|hbar|tau|omega|mu)(?![a-zA-Z_.])", lambda word: GREEK[word[1]], line.replace("$", r"\$"))
    line = re.sub(r"\^(?:\{([^}]*)\}|(-?\w))", lambda power: f"$^{{{power[1] or power[2]}}}$", line)
    return re.sub(r"(?<!\w)E_F(?!\w)", "E$_F$", line)


CARRIERS = {"cell": "electrons per cell", "cm-3": "cm$^{-3}$", "cm-2": "cm$^{-2}$", "cm-1": "cm$^{-1}$"}


def axis_label(tensor: ResponseTensor, axis: str, fermi_energy: float | None) -> str:
    """What stands below the axis, with the unit. fermi_energy : from which mu counts; None: mu is absolute."""
    if axis == "mu" and tensor.carriers is not None:
        return f"carriers ({CARRIERS.get(str(tensor.carriers_unit), tensor.carriers_unit)})"
    mu = "$\\mu - E_F$ (eV)" if fermi_energy is not None else "$\\mu$ (eV)"
    words = {"mu": mu, "temperature": "T (K)", "omega": "$\\hbar\\omega$ (eV)", "tau": f"$\\tau$ ({tau_unit(tensor)})"}
    return words[axis]


def power_of_ten(largest: float) -> int:
    """What to take out of the numbers at the ticks, so that they are between 0.1 and 1000."""
    power = math.floor(math.log10(largest)) if largest > 0 else 0
    return 0 if -1 <= power <= 2 else power


def fact_lines(result: ResultSet) -> tuple[str, ...]:
    """What a reader must know to make the numbers again: model, mesh or tolerance, form, definitions, convergence."""
    facts = result.facts
    first = next(iter(result.values()))
    version = facts.versions.get("wannier-spin", "")
    lines = [f"{facts.model}, {first.dimension}D; wannier_spin {version}, {facts.finished}".rstrip(", ")]
    lines.append(_sampling(facts))
    relaxation = f", relaxation '{first.relaxation}'" if first.relaxation else ""
    taus = ", ".join(f"{tau:g}" for tau in first.tau[:8]) + (", …" if len(first.tau) > 8 else "")
    lines.append(f"form '{first.form}'{relaxation}; τ = {taus} {tau_unit(first)}")
    if first.channel == "spin":
        lines.append(f"spin current '{facts.spin_current or '?'}': {facts.spin_current_definition}")
    if facts.symmetry is not None:
        lines.append(f"{facts.symmetry.title}, {facts.symmetry.operations} point operations")
    else:
        lines.append("no symmetry used: the largest components are drawn")
    return (*lines, _convergence(result), *spot_lines(facts))


def _sampling(facts: RunFacts) -> str:
    parts = [re.sub(r"(?<=\d)x(?=\d)", "×", facts.how())]
    if facts.k_points is not None:
        parts.append(f"{facts.k_points} k-points evaluated")
    if facts.broadening:
        parts.append(f"broadening {facts.broadening:g} eV")
    return ", ".join(parts)


def _convergence(result: ResultSet) -> str:
    asked = {name: tensor.converged for name, tensor in result.items() if tensor.converged is not None}
    if not asked:
        return f"shaded: error bars of the mesh; {advice(result)}"
    missed = [name for name, converged in asked.items() if not converged]
    return f"NOT CONVERGED: {', '.join(missed)}" if missed else "converged to the tolerance"


def tau_unit(tensor: ResponseTensor) -> str:
    """The unit of tau as printed."""
    return tensor.tau_unit.replace("hbar", "ħ")


def setting(tensor: ResponseTensor, facts: RunFacts, axis: str, value: float) -> str:
    """One value of an axis in words: "T = 300 K"."""
    if axis == "mu" and facts.fermi_energy is not None:
        return f"$\\mu-E_F$ = {value - facts.fermi_energy:.3g} eV".replace("-0 eV", "0 eV")
    unit = {"mu": "eV", "temperature": "K", "omega": "eV", "tau": tau_unit(tensor)}[axis]
    symbol = {"mu": "$\\mu$", "temperature": "T", "omega": "$\\omega$", "tau": "$\\tau$"}[axis]
    return f"{symbol} = {value:.4g} {unit}"


def map_title(bands: BandMap[Place], title: str | None, room: int) -> str:
    """Model, quantity and component, or the title that was chosen; of a response in a second line mu and what else is fixed.

    room : letters in a line.
    """
    what = QUANTITIES[bands.quantity].title if bands.mu is None else resp.get(bands.quantity).title
    lines = [title or f"{bands.model}: {what}, {bands.component}"]
    if bands.mu is not None:
        fixed = f"μ = {bands.mu:g} eV, {bands.setting}"
        lines.append(fixed.replace("tau", "τ").replace("omega", "ω").replace("hbar", "ħ"))
    return "\n".join(wrapped(line, room) for line in lines)


def _geometric(quantity: str) -> str:
    return _GEOMETRIC.get(quantity) or f"\\langle {observables.get(quantity).symbol}^{{{{{{}}}}}}\\rangle"


def map_symbol(bands: BandMap[Place], band: str = "n") -> str:
    """The symbol of a band's value as mathtext; band "" : of the sum."""
    if bands.quantity in QUANTITIES:
        below = f"_{{{band}}}" if band else ""
        return f"${_geometric(bands.quantity).format(bands.component)}{below}$"
    symbol = resp.get(bands.quantity).symbol.partition("_")[0]
    whole = math_symbol(f"{symbol}_{bands.component}")
    return f"{whole}(k)" if not band else f"{whole}(k), band {band}"


def gamma(label: str) -> str:
    """The name of a corner; "G" and "GAMMA" are Gamma."""
    return "|".join(_corner(name) for name in label.split("|"))


def _corner(name: str) -> str:
    """ASCII as a figure has it: "S_0" has an index."""
    if name.upper() in ("G", "GAMMA", "GM", "\\GAMMA"):
        return "Γ"
    return re.sub(r"_(\w+)", r"$_{\1}$", name)
