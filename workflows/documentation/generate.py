"""Parts of the pages that come from the code: a page says `<!-- generated: NAME -->`, PARTS has the function that makes it.

Figures, `<!-- figure: NAME -->`, are drawn by the functions in FIGURES.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import itertools
import json
import re
import sys
import tempfile
import tokenize
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import h5py
import numpy as np
from pydantic import BaseModel
from typer.testing import CliRunner

import wannier_spin as ws
from wannier_spin import cli, config
from wannier_spin.analysis.kpath import spin_in_plane
from wannier_spin.calculation import run
from wannier_spin.calculation.symmetrize import computed_table
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.responses import BLOCKS, DYNAMIC_BLOCKS, RELAXATIONS, RESPONSES
from wannier_spin.responses.registry import Response
from wannier_spin.symmetry.table import OPERATIONS, QUANTITIES

ROOT = Path(__file__).resolve().parents[2]
NBSP = "\N{NO-BREAK SPACE}"
MARK = re.compile(r"<!-- generated: (\w+) -->")
FIGURE = re.compile(r"<!-- figure: ([\w.]+) -->")


def filled(text: str) -> str:
    """A page with its generated parts."""
    text = FIGURE.sub(lambda mark: shown_figure(mark[1]), text)
    return MARK.sub(lambda mark: PARTS[mark[1]](), text)


def shown_figure(name: str) -> str:
    """A picture, or a page inside of the page."""
    title = name.partition(".")[0].replace("_", " ")
    if name.endswith(".html"):
        return f'<iframe class="page" src="_static/{name}" title="{title}" loading="lazy"></iframe>'
    return f'<a href="_static/{name}"><img src="_static/{name}" alt="{title}"></a>'  # on a phone letters are small: it opens


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines)


def stacked(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in HTML, whose rows become blocks of lines with their names in front on a phone."""
    top = "".join(f"<th>{name}</th>" for name in head)
    lines = [
        "<tr>" + "".join(f'<td data-label="{name}">{cell}</td>' for name, cell in zip(head, row, strict=True)) + "</tr>"
        for row in rows
    ]
    return f'<table class="docutils stacked"><thead><tr>{top}</tr></thead><tbody>\n' + "\n".join(lines) + "\n</tbody></table>"


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def responses() -> str:
    """What there is, with its law typeset; the same in plain text: `wannier-spin responses`."""
    rows = [
        (
            f"{record.title}<br>{code(record.name)}",
            f"${law_in_tex(record)}$",
            record.equation,
            ", ".join(f"$\\tau^{power}$" for power in record.tau_powers),
            *("+" if parity > 0 else "-" for parity in parities(record)),
        )
        for record in RESPONSES.values()
    ]
    return table(("response", "law", "eq.", "order", "P", "T"), rows)


def law_in_tex(record: Response) -> str:
    """ "J_a;c = sigma_ab;c E_b" and "sigma(0)_ab;c" as J_{a;c} = \\sigma^{(0)}_{ab;c} E_b."""
    left, _, right = record.law.partition(" = ")
    fields = " ".join(right.split()[1:])
    return f"{tex(left)} = {tex(record.symbol)}\\, {fields}"


def tex(symbol: str) -> str:
    """sigma(0)_abd;c(omega) -> \\sigma^{(0)}_{abd;c}(\\omega)."""
    found = re.fullmatch(r"(\w+?)(\(\d\))?_([a-z;]+)(\(omega\))?", symbol)
    assert found is not None, symbol
    name, power, indices, omega = found.groups()
    greek = name if len(name) == 1 else f"\\{name}"
    return greek + (f"^{{{power}}}" if power else "") + f"_{{{indices}}}" + (r"(\omega)" if omega else "")


def parities(record: Response) -> tuple[int, int]:
    """Under inversion and time reversal, of the coefficient."""
    return record.tensor.space_parity, record.tensor.time_parity(record.tau_power)


def recipes() -> str:
    """What each response is made of."""
    rows = []
    for record in RESPONSES.values():
        full = record.full if record.full is not None else record.paper
        rows.append((code(record.name), ", ".join(record.geometry), combination(record.paper), combination(full)))
    return table(("response", "governed by", "`paper`", "`full`"), rows)


def combination(recipe: Any) -> str:
    """Blocks with their factors, those of the relaxation model by name: tau2 N2 + tau2 N2dir."""
    factor = {1: "", 0.5: "1/2 "}
    return code(" + ".join(f"{factor.get(f, f'{f} ')}{name}" for name, f in recipe.items()))


def blocks() -> str:
    """Every building block, with its own words."""
    rows = []
    for block in (*BLOCKS.values(), *DYNAMIC_BLOCKS.values()):
        words = " ".join((inspect.getdoc(block.density) or "").split())
        fermi = getattr(block, "fermi", "sea")
        rows.append((code(block.name), {"sea": "f", "surface": "f'"}[fermi], code(block.fields), str(block.tau_power), code(words)))
    return table(("block", "with", "fields", "tau", "integrand"), rows)


def relaxations() -> str:
    rows = []
    for name, r in RELAXATIONS.items():
        tau2 = "-" if r.tau2 is None else f"{r.tau2:g}"
        rows.append((code(name), tau2, f"{r.kF:g}", f"{r.kP:g}", f"{r.kD:g}", r.meaning))
    return table(("`relaxation`", "tau2", "kF", "kP", "kD", "meaning"), rows)


def table_one() -> str:
    """Table I, computed from the index laws of the responses."""
    signs = computed_table()
    rows = [
        (f"{family}, {operation}", *("+-"[signs[f"{family} {quantity}"][operation] < 0] for quantity in QUANTITIES))
        for family in ("spin", "Zeeman")
        for operation in OPERATIONS
    ]
    return table(("", *QUANTITIES), rows)


def models() -> str:
    """The model library."""
    rows = [(code(name), (inspect.getdoc(getattr(ws.models, name)) or "").splitlines()[0]) for name in ws.models.names()]
    return table(("`ws.models.`", "what it is"), rows)


def input_keys() -> str:
    """Every key of the input file: its default, and what the source says beside it."""
    parts = [section_keys(config.Settings, "Top level")]
    for name, kind in sections():
        parts.append(section_keys(kind, f"`[{name}]`"))
    return "\n\n".join(parts)


def sections() -> Iterator[tuple[str, type[BaseModel]]]:
    """The tables of the input file."""
    for name, field in config.Settings.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield name, kind


def section_keys(kind: type[BaseModel], title: str) -> str:
    notes = comments(kind)
    tables = {name for name, _ in sections()}
    rows = []
    for name, field in kind.model_fields.items():
        if kind is config.Settings and name in tables and name != "tolerance":
            continue
        default = "required" if field.is_required() else code(shown(field.get_default(call_default_factory=True)))
        rows.append((code(name), default, choices(field.annotation), notes.get(name, "")))
    return f"### {title}\n\n{inspect.getdoc(kind)}\n\n{table(('key', 'default', 'choices', 'meaning'), rows)}"


def shown(value: Any) -> str:
    """A default as TOML writes it; empty where there is none."""
    return "" if value is None else json.dumps(value)


def choices(annotation: Any) -> str:
    """The words of a Literal, also inside of a union."""
    words = [word for word in get_args(annotation) if isinstance(word, str)]
    for part in get_args(annotation):
        words += [word for word in get_args(part) if isinstance(word, str)]
    return ", ".join(code(f'"{word}"') for word in words)


def comments(kind: type) -> dict[str, str]:
    """Attribute -> the comment on its line."""
    found: dict[str, str] = {}
    tokens = list(tokenize.generate_tokens(io.StringIO(inspect.getsource(kind)).readline))
    for token in tokens:
        name = re.match(r"\s+(\w+): ", token.line)
        if token.type == tokenize.COMMENT and name:
            found[name[1]] = token.string.removeprefix("#").strip()
    return found


def overview() -> str:
    return f"```text\n{help_of()}\n```"


def commands() -> str:
    """The help of every command, as it is printed."""
    return "\n\n".join(f"## {name}\n\n```text\n{help_of(name)}\n```" for name in command_names())


def command_names() -> list[str]:
    return [found.name or found.callback.__name__.replace("_", "-") for found in cli.app.registered_commands if found.callback]


def help_of(*arguments: str) -> str:
    """What `wannier-spin ... --help` prints."""
    printed = CliRunner().invoke(cli.app, [*arguments, "--help"], prog_name="wannier-spin", env={"TERMINAL_WIDTH": "100"})
    return printed.output.strip()


def api() -> str:
    """autodoc of every public name."""
    return "```{eval-rst}\n" + "\n".join(api_entry(name) for name in ws.__all__) + "\n```"


def api_entry(name: str) -> str:
    found = getattr(ws, name)
    if not isinstance(found, type):
        return f".. autofunction:: wannier_spin.{name}\n"
    kind = "autoexception" if issubclass(found, (Exception, Warning)) else "autoclass"
    members = "" if kind == "autoexception" else "   :members:\n"
    return f".. {kind}:: wannier_spin.{name}\n{members}"


def small_result(path: Path) -> Path:
    """A small result file of a library model."""
    model = ws.models.rashba_exchange()
    options: dict[str, Any] = {"grid": (8, 8, 1), "mu": [-1.0, 0.3], "temperature": [3000.0], "tau": [1.0, 2.0]}
    return ws.compute(model, ["spin_hall", "edelstein"], **options).save(path)


def listing() -> str:
    """What `h5ls -r` prints of a small result."""
    with tempfile.TemporaryDirectory() as folder, h5py.File(small_result(Path(folder) / "OUT.h5")) as file:
        return f"```text\n{h5ls(file)}\n```"


def h5ls(file: Any) -> str:
    """Groups and datasets with their shapes, in the words of `h5ls -r`."""
    lines = ["/                        Group"]

    def visit(name: str, item: Any) -> None:
        shape = ", ".join(map(str, item.shape)) or "SCALAR" if isinstance(item, h5py.Dataset) else None
        kind = "Group" if shape is None else f"Dataset {{{shape}}}"
        lines.append(f"{'/' + name:<24} {kind}")

    file.visititems(visit)
    return "\n".join(lines)


def comparisons() -> str:
    """Feature, oracle, measured deviation, and the test that asserts it."""
    import validate

    measured = json.loads(validate.OUTPUT.read_text())["comparisons"]
    rows = []
    for key, row in validate.COMPARISONS.items():
        parts = dict.fromkeys(part for test in row.tests for part in test.removeprefix("tests/").split("::"))
        tests = "<br>".join(code(part) for part in parts)
        rows.append((row.feature, f"{measured[key]:.1e}" if measured[key] else "0", row.oracle, tests))
    return table(("feature", "deviation", "oracle", "asserted by"), rows)


def forms() -> str:
    """Printed against full form, one table for each case."""
    import validate

    found: dict[str, list[Any]] = {}
    for row in json.loads(validate.OUTPUT.read_text())["forms"]:
        found.setdefault(row["case"], []).append(row)
    return "\n\n".join(forms_of(name, rows) for name, rows in found.items())


def forms_of(name: str, rows: list[Any]) -> str:
    first = rows[0]
    grid = " x ".join(map(str, first["grid"]))
    zero = ", ".join(code(row["response"]) for row in rows if row["vanishes"]) or "none"
    lines = []
    for row in rows:
        if not row["vanishes"]:
            numbers = [f"{row[key]:.4g}{NBSP}±{NBSP}{row[f'{key}_error']:.1g}" for key in ("paper", "full")]
            relaxation = ", ".join(row["relaxation"]) if len(row["relaxation"]) < 4 else "any"
            share = f"{100 * row['share']:.0f}{NBSP}%" if row["share"] > 1e-10 else "0"
            lines.append((f"{code(row['response'])} {row['component']}", relaxation, *numbers, share, row["unit"]))
    head = ("response", "relaxation", "`paper`", "`full`", "differ", "unit")
    where = f"Mesh {grid}, kT = {first['kT']:g} eV. Zero, by symmetry or for want of a Fermi surface: {zero}."
    return f"### {name}\n\n{where}\n\n{table(head, lines)}"


def gallium_arsenide() -> str:
    import validate

    rows = json.loads(validate.OUTPUT.read_text())["GaAs"]
    return table(("mesh", "sigma_xy;z ((hbar/e) S/cm)"), [(f"{r['n']}^3", f"{r['value']:.3f} ± {r['error']:.2g}") for r in rows])


def platinum(path: Path) -> None:
    """What the commands of the first page draw."""
    folder = ROOT / "example_inputs" / "Pt"
    settings, text = config.read_settings(folder / "input.toml")
    ws.plot(run(settings, text, folder, SERIAL), path, components="xy;z")


def bands(path: Path) -> None:
    """Where in k the spin Hall effect of platinum comes from."""
    model = ws.read_wannier90(ROOT / "example_inputs" / "Pt" / "Pt")
    line = ws.k_path(model, "L 1/2 1/2 1/2; G 0 0 0; X 1/2 0 1/2; W 1/2 1/4 3/4", points=60)
    ws.plot_bands(ws.band_map(model, line, "spin_berry_curvature", "xy;z"), path, fermi_energy=22.4839)


def altermagnet(path: Path) -> None:
    """All of it is in the term that the printed formula leaves out."""
    model = ws.models.altermagnet()
    options: dict[str, Any] = {"grid": (96, 96, 1), "mu": np.linspace(-3.9, 3.9, 79), "temperature": 600}
    ws.plot(ws.compute(model, "magnetic_spin_hall", **options), path, components="xy;z")


def plane(path: Path) -> None:
    """The same in k, with the Fermi lines of both spins."""
    model = ws.models.altermagnet()
    corners = ws.k_plane(model, ". -1/2 -1/2 0; . 1/2 -1/2 0; . -1/2 1/2 0", (96, 96), marks="G 0 0 0; X 1/2 0 0; M 1/2 1/2 0")
    ws.plot_plane(ws.response_map(model, corners, "magnetic_spin_hall", "xy;z", mu=-2.0, temperature=1200), path)


def iron_surface(path: Path) -> None:
    """The sheets of iron, in the colours of the spin."""
    model = ws.load_model(ROOT / "example_inputs" / "Fe" / "Fe.model.h5")
    ws.plot_fermi_surface(ws.fermi_surface(model, (24, 24, 24), 17.6048, "spin", "z"), path)


def platinum_page(path: Path) -> None:
    """A page that turns."""
    model = ws.read_wannier90(ROOT / "example_inputs" / "Pt" / "Pt")
    ws.fermi_surface_page(ws.fermi_surface(model, (24, 24, 24), 22.4839, "spin_berry_curvature", "xy;z"), path)


def spins(path: Path) -> None:
    """Spins of a band of a magnetic layer, as arrows."""
    model = ws.models.get("rashba_exchange")
    corners = ws.k_plane(model, ". -1/2 -1/2 0; . 1/2 -1/2 0; . -1/2 1/2 0", (72, 72), marks="G 0 0 0; X 1/2 0 0; M 1/2 1/2 0")
    ws.plot_plane(ws.band_map(model, corners, "spin", "z"), path, band=1, arrows=spin_in_plane(model, corners, 1))


@contextlib.contextmanager
def _verification_on_path() -> Iterator[None]:
    folder = str(ROOT / "workflows" / "verification")
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def verification() -> str:
    """The cases of the verification set, with what was found and what others have."""
    with _verification_on_path():
        import verify
    found = {row["case"]: row for row in json.loads(verify.RESULTS.read_text())}
    rows = []
    for case in verify.read_cases():
        row = found[case.key]
        number = verify.Found(**{key: row[key] for key in ("value", "error", "unit", "k_points")})
        where = ", ".join(f"{key} {value}" for key, value in case.options.items() if key in ("form", "relaxation"))
        what = f"<code>{case.response}</code> {case.component}" + (f" ({where})" if where else "")
        theirs = "<br>".join(
            f"{reference.value:.9g}, off by {verify.deviation(number, reference):.1e} ({reference.kind}: {reference.source})"
            for reference in case.references
        )
        value = f"{verify.with_bar(number.value, number.error)} {number.unit.removeprefix('1').lstrip()}".rstrip()
        rows.append((case.name, what, value, f"{number.k_points:,}", row["verdict"], theirs))
    return stacked(("case", "what", "value(bar)", "k-points", "verdict", "others"), rows)


def codes() -> str:
    """The same integral by several codes; postw90's, of another integrand, by itself."""
    with _verification_on_path():
        import codes as script
    stored = json.loads(script.OUTPUT.read_text())
    truth = stored["truth"]
    about = f"Truth: {truth['method']}, {truth['points']:,} k-points, own bar {truth['bar']:.1e} of the largest value."
    return "\n\n".join([about, codes_table(stored["ours"] + stored["wannierberri"]), codes_table(stored["postw90"])])


def codes_table(rows: Sequence[dict[str, Any]]) -> str:
    cells = []
    for row in rows:
        seconds = "" if row["seconds"] is None else f"{row['seconds']:.1f}"
        bar = "" if row["bar"] is None else f"{row['bar']:.1e}"
        cells.append((row["method"], f"{row['points']:,}", seconds, f"{row['error']:.1e}", bar))
    return table(("method", "k-points", "CPU seconds", "true error", "own error bar"), cells)


def _coverage() -> list[Any]:
    """Rows of the table of error bars, what the constants were chosen on first."""
    with _verification_on_path():
        import coverage_of_bars
    return sorted(coverage_of_bars.stored(), key=lambda row: row.hold_out)


def bars_in_short() -> str:
    """How well error bars cover: all cases together."""
    cells = []
    for method, hold_out in itertools.product(("meshes", "tolerances"), (False, True)):
        rows = [row for row in _coverage() if row.method == method and row.hold_out == hold_out and row.judged]
        judged, inside = (sum(numbers) for numbers in zip(*((row.judged, row.inside) for row in rows), strict=True))
        below = sum(row.inside < 0.95 * row.judged for row in rows)
        ratios = np.array([row.ratio for row in rows if not np.isnan(row.ratio)])
        what = method + (", hold-outs" if hold_out else ", chosen on")
        held, middle = f"{100 * inside / judged:.1f} %", f"{np.median(ratios):.1f}"
        cells.append((what, f"{len(rows)}", f"{judged:,}", held, f"{below}", middle))
    return table(("", "rows", "bars", "that hold", "rows below 95 %", "bar/error (median)"), cells)


def bars() -> str:
    """How well error bars cover: every case."""
    rows = []
    for row in _coverage():
        ratio, largest = ("" if np.isnan(x) else format(x, spec) for x, spec in ((row.ratio, ".1f"), (row.largest, ".2g")))
        share = f"{100 * row.inside / row.judged:.0f} %" if row.judged else ""
        what = (row.case + (" (hold-out)" if row.hold_out else ""), code(row.response), f"{row.temperature:g} K", row.method)
        rows.append((*what, f"{row.judged:,}", f"{row.unjudged:,}", share, ratio, largest))
    return table(("case", "response", "", "", "judged", "not judged", "inside", "bar/error (median)", "largest"), rows)


FIGURES: dict[str, Callable[[Path], None]] = {
    "platinum.svg": platinum,
    "bands.svg": bands,
    "altermagnet.svg": altermagnet,
    "plane.svg": plane,
    "iron_surface.png": iron_surface,
    "platinum_surface.html": platinum_page,
    "spins.svg": spins,
}


def speed() -> str:
    """What a k-point costs, as it was measured last."""
    kept = json.loads((ROOT / "workflows" / "benchmarks" / "results.json").read_text())
    parts = []
    for model in dict.fromkeys(row["model"] for row in kept["rows"]):
        rows = [row for row in kept["rows"] if row["model"] == model]
        theirs = [f"{row['theirs']:.1f}" if row["theirs"] is not None else "" for row in rows]
        goals = [f"{row['goal']:g}" if row["goal"] is not None and model == "Pt" else "" for row in rows]
        cells = [[row["row"], f"{row['ours']:.1f}", goal, peer] for row, goal, peer in zip(rows, goals, theirs, strict=True)]
        functions, eigh = rows[0]["functions"], sorted(row["eigh"] for row in rows)[len(rows) // 2]
        where = "; ".join(dict.fromkeys(row["processor"] for row in rows))
        parts.append(f"**{model}**, {functions} functions, `eigh` {eigh:.0f} microseconds; {where}")
        parts.append(table(["", "eigh per k-point", "aim", "wannierberri"], cells))
    rounds = [row["rounds"] for row in kept["rows"]]
    return "\n\n".join([f"Measured with numpy {kept['software']['numpy']}; rounds: {min(rounds)} to {max(rounds)}.", *parts])


PARTS: dict[str, Callable[[], str]] = {
    "responses": responses,
    "recipes": recipes,
    "blocks": blocks,
    "relaxations": relaxations,
    "table_one": table_one,
    "models": models,
    "input_keys": input_keys,
    "overview": overview,
    "commands": commands,
    "api": api,
    "listing": listing,
    "comparisons": comparisons,
    "forms": forms,
    "gallium_arsenide": gallium_arsenide,
    "codes": codes,
    "verification": verification,
    "speed": speed,
    "bars": bars,
    "bars_in_short": bars_in_short,
}
