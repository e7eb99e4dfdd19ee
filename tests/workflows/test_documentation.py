"""The documentation says what is true: tutorials print what pages show, code blocks run, every field and option is explained."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from integrals.bars.test_hidden import sheet as small_gap
from scripts import scripts

import wannier_spin as ws
from wannier_spin.calculation import check_asked
from wannier_spin.config import settings_from

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "workflows" / "documentation"
DOCS = ROOT / "docs"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
TUTORIALS = sorted(path.stem for path in (FOLDER / "tutorials").glob("*.py"))
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
MATH = re.compile(r"\$.+?\$")
BLOCK = re.compile(r"(<!-- not run: .+ -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def documentation():
    """Import a script of the folder by its name."""
    with scripts("documentation") as script:
        yield script


@pytest.fixture
def folder(tmp_path):
    """What the code of the pages finds: the examples, and a result."""
    (tmp_path / "example_inputs").symlink_to(ROOT / "example_inputs")
    return tmp_path


def python(*arguments, cwd):
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def blocks(page, language):
    """Code blocks of a page that are not marked `<!-- not run: REASON -->`."""
    return [code for mark, found, code in BLOCK.findall(PAGES[page]) if found == language and not mark]


# --- tutorials and code of the pages ------------------------------------------------------------------------------------


@pytest.mark.pages
@pytest.mark.parametrize("name", TUTORIALS)
def test_tutorial_prints_what_the_page_shows(name, tmp_path):
    """The same words, the same numbers to the digits that are printed."""
    shown = (FOLDER / "tutorials" / "output" / f"{name}.txt").read_text()
    found = python(FOLDER / "tutorials" / f"{name}.py", cwd=tmp_path)
    assert NUMBER.sub("#", found) == NUMBER.sub("#", shown)
    assert len(NUMBER.findall(shown)) >= 3
    for one, other in zip(NUMBER.findall(found), NUMBER.findall(shown), strict=True):
        assert float(one) == pytest.approx(float(other), rel=1e-3, abs=1e-9), (one, other)
    assert list(tmp_path.iterdir()) == []


def test_every_tutorial_is_on_the_page():
    for name in TUTORIALS:
        assert f"../workflows/documentation/tutorials/{name}.py" in PAGES["tutorials"]
        assert f"../workflows/documentation/tutorials/output/{name}.txt" in PAGES["tutorials"]


def that_run(pages):
    """The first steps take more than all other pages."""
    return [pytest.param(page, marks=[pytest.mark.pages] if page == "start" else []) for page in pages]


@pytest.mark.parametrize("page", that_run(page for page in PAGES if blocks(page, "python")))
def test_python_of_a_page_runs(page, folder, documentation):
    documentation("generate").small_result(folder / "OUT.h5")
    found = python("-c", "\n".join(blocks(page, "python")), cwd=folder)
    if page == "adding":
        assert found.splitlines() == [
            "True angstrom^-1 eV^-1 (hbar = e = 1)",
            "difference: True",
            "torque: True True",
            "(hbar/e) S m^-2",
            "my Hall effect: True True",
            "chain: True",
            "two meshes: True",
        ]


def commands(page):
    """What a reader of a page types."""
    return "".join(blocks(page, "bash"))


def begins_another(page):
    """Whether its commands are the first ones of another page, and run there."""
    return any(other != page and commands(other).startswith(commands(page)) for other in PAGES)


def rougher(folder, name):
    """An example with ten times its tolerance in place of the example itself."""
    original = (folder / "example_inputs").resolve()
    (folder / "example_inputs").unlink()
    shutil.copytree(original / name, folder / "example_inputs" / name)
    path = folder / "example_inputs" / name / "input.toml"
    text, count = re.subn(r"relative = (\d)e-2 ", r"relative = \1e-1 ", path.read_text(encoding="utf-8"))
    assert count == 1
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("page", that_run(page for page in PAGES if commands(page) and not begins_another(page)))
def test_commands_of_a_page_run(page, folder):
    if page == "start":  # its numbers within its own tolerance: test_examples
        rougher(folder, "Pt")
    lines = ["set -e", f'wannier-spin() {{ "{sys.executable}" -m wannier_spin.cli "$@"; }}', commands(page)]
    done = subprocess.run(["bash", "-c", "\n".join(lines)], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if page == "start":
        assert re.search(r"spin_hall  xy;z = -xz;y = -yx;z = yz;x = zx;y = -zy;x  2\.[1-4]\d*\(", done.stdout)
        assert (folder / "Pt.pdf").read_bytes().startswith(b"%PDF")


def test_toml_of_the_pages_is_valid():
    found = [code for page in PAGES for code in blocks(page, "toml")]
    assert len(found) >= 2
    for code in found:
        check_asked(settings_from(tomllib.loads(code), "page"))


def commands_in(text):
    """(command, its options) of every `wannier-spin WORD ...` in a text."""
    for line in re.findall(r"wannier-spin ([a-z]+[^\n`&]*)", text):
        word, *rest = line.split("#")[0].split()
        yield word, [part.split("=")[0] for part in rest if re.fullmatch(r"--?[a-z][a-z-]*", part.split("=")[0])]


def test_commands_of_the_pages_exist(documentation):
    """Every command and every option that a page or a help text names."""
    generate = documentation("generate")
    text = "\n".join(PAGES.values())
    helps = {name: generate.help_of(name) for name in generate.command_names()}
    named = list(commands_in("\n".join([text, generate.help_of(), *helps.values()])))
    assert {"run", "show", "check", "symmetry", "screen", "export", "schema"} <= {command for command, _ in named}
    for command, options in named:
        assert command in helps, command
        for option in options:
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", helps[command].partition("Examples:")[0]), (command, option)


def test_help_suffices(documentation):
    """Every command has an example of itself, explains every argument and option, and loses no brackets."""
    generate = documentation("generate")
    for name in generate.command_names():
        usage, _, examples = generate.help_of(name).partition("Examples:")
        assert f"wannier-spin {name}" in examples, name
        for line in re.findall(r"^  (--?\w.*|[A-Z][\w.…]* .*)$", usage, re.MULTILINE):
            assert len(line.split()) >= 3 or re.search(rf"{re.escape(line.strip())}\n +\S", usage), (name, line)
    assert "[symmetry]" in generate.help_of("screen")
    minimal = generate.help_of("run").partition("has all keys):\n")[2]
    assert settings_from(tomllib.loads(minimal), "help").symmetry.structure == "Pt.win"
    assert "Exit codes" in generate.help_of()


# --- links, generated parts ---------------------------------------------------------------------------------------------


def test_links_lead_somewhere(documentation):
    linked = set()
    for page, text in PAGES.items():
        for target in re.findall(r"\]\(([^)#:]+)\)", MATH.sub("", BLOCK.sub("", text))):
            assert target.removesuffix(".md") in PAGES, (page, target)
            linked.add(target.removesuffix(".md"))
        for path in re.findall(r"\{literalinclude\} (\S+)", text):
            assert (DOCS / path).is_file(), (page, path)
        for name in re.findall(r"\{py:\w+\}`wannier_spin\.(\w+)`", text):
            assert name in ws.__all__, (page, name)
        for path in re.findall(r"`((?:workflows|tests|example_inputs)/[\w./]+)", text):
            assert (ROOT / path).exists(), (page, path)
    assert linked | {"index", "commands", "api"} == set(PAGES)


def test_fractions_have_braces():
    """The converter to MathML reads \\frac12 as 12 over what follows."""
    for page, text in PAGES.items():
        assert not re.search(r"\\[td]?frac(?!\{)|\\sqrt\d", text), page


def test_every_generated_part_is_on_a_page(documentation):
    generate = documentation("generate")
    text = "\n".join(PAGES.values())
    assert sorted(generate.MARK.findall(text)) == sorted(generate.PARTS)
    assert set(generate.FIGURE.findall(text)) == set(generate.FIGURES)


def test_generated_parts_are_complete(documentation):
    generate = documentation("generate")
    for name in ws.responses.names():
        assert f"`{name}`" in generate.responses()
        assert f"`{name}`" in generate.recipes()
    for name in ws.responses.RELAXATIONS:
        assert f"`{name}`" in generate.relaxations()
    keys = generate.input_keys()
    for name, part in [("", generate.config.Settings), *generate.sections()]:
        for key in part.model_fields:
            assert f"`{key}`" in keys or f"`[{key}]`" in keys, (name, key)
    assert "| `degeneracy_tolerance` | `0.0005` |  | eV |" in keys
    assert generate.table_one().splitlines()[2:4] == ["| spin, P | + | + | - | - |", "| spin, T | - | + | + | - |"]
    for name in ws.__all__:
        assert f" wannier_spin.{name}\n" in generate.api()


def test_the_listing_is_what_h5ls_prints(documentation, tmp_path):
    if (h5ls := shutil.which("h5ls")) is None:
        pytest.skip("no h5ls here")
    generate = documentation("generate")
    path = generate.small_result(tmp_path / "OUT.h5")
    done = subprocess.run([h5ls, "-r", path], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True)
    with h5py.File(path) as file:
        assert generate.h5ls(file).splitlines() == done.stdout.rstrip().splitlines()


# --- the result file ----------------------------------------------------------------------------------------------------


def explained(heading):
    """Names in the first column of the table under a heading of the page about the result file."""
    part = PAGES["results"].split(f" {heading}\n", 1)[1].split("\n#", 1)[0]
    return {name for line in part.splitlines() if line.startswith("| `") for name in re.findall(r"`(.+?)`", line.split("|")[1])}


def fields(group):
    """Names in a group; its digest, which all groups have, is explained once, for the whole file."""
    found = set(group) | set(group.attrs)
    return found if group.name == "/" else found - {"tree_sha256"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Files that between them hold every field."""
    folder = tmp_path_factory.mktemp("results")
    model, point = ws.models.pt_antiferromagnet(), {"mu": [-0.9], "temperature": [2000.0]}
    options = {"omega": [0.1], "broadening": 0.1, "tau": [1.0, 2.0], "sites": {"A": [0, 1], "B": [2, 3]}, "units": "SI"}
    found = [ws.compute(model, "all", grid=(4, 4, 1), degeneracy_check=True, **options, **point)]
    weak = ws.models.rashba_exchange(rashba=3e-4, dresselhaus=0, exchange=(0, 0, 0))
    found.append(ws.compute(weak, "spin_hall", grid=(12, 12, 1), mu=-3.7, temperature=300))
    tolerance = ws.Tolerance(0.3, {"spin_hall": 1.0}, replicas=2)
    found.append(ws.compute(model, ["edelstein", "spin_hall"], tolerance=tolerance, blocks=["L1surf"], **point))
    window = ws.Tolerance(1e-9, max_evaluations=400, window=(-1.0, -0.8))  # on a mesh, and not converged
    with pytest.warns(ws.AccuracyWarning, match="not converged"):
        found.append(ws.compute(model, "spin_hall", tolerance=window, **point))
    sheet = replace(model, thickness=3.0)
    found.append(ws.compute(sheet, "spin_hall", grid=(4, 4, 1), **point))
    found.append(ws.compute(ws.models.massive_dirac(), "spin_hall", grid=(4, 4), mu=0.1, temperature=0))
    overlapping = ws.from_hoppings(
        lattice=np.eye(3),
        sites=[[0, 0, 0]],
        periodic=(True, False, False),
        hoppings={(0, 0, (1,)): np.diag([0.5, 0.4])},
        overlaps={(0, 0, (1,)): 0.1 * np.eye(2)},
    )
    overlapping = replace(overlapping, source={**overlapping.source, "from": "nowhere"})
    found.append(
        ws.compute(small_gap(1e-3, (0.3819, 0.1372)), "spin_hall", tolerance=0.03, mu=0.0, temperature=300.0)
    )  # a hot spot
    found.append(ws.compute(ws.models.weyl(), "spin_hall", tolerance=0.5, mu=0.3, temperature=3000.0))  # skewed meshes
    assert "superlattices" in found[-1].facts.notes
    found.append(ws.compute(ws.models.rashba_exchange(), "spin_hall", tolerance=0.02, mu=[-2.6, -2.2], temperature=300))
    assert "weights_of_meshes" in found[-1].facts.notes
    doped = ws.Carriers(0.1, electrons=1)
    found.append(ws.compute(overlapping, "spin_hall", grid=(4, 1, 1), carriers=doped, temperature=3000))
    iron, moments = ROOT / "example_inputs" / "Fe", [(0, 0, 2.2)]
    crystal = {"symmetry": ws.read_structure(iron / "Fe.win", moments), "reduce_k": False}
    raw = ws.compute(ws.load_model(iron / "Fe.model.h5"), "spin_hall", grid=(2, 2, 2), mu=17.6, temperature=5000, **crystal)
    notes = {**raw.facts.notes, "fermi_energy_source": "Fe.win"}
    raw = raw.with_facts(fermi_energy=17.6, input="seedname = …", notes=notes)  # as `run` adds
    found.append(replace(raw, tensors={"x": raw["spin_hall"].at(combination={"L0": 1.0})}))
    return [result.save(folder / f"{i}.h5") for i, result in enumerate(found)]


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse
def test_every_field_is_explained(written):
    seen = {name: set() for name in ("file", "response", "provenance", "source", "symmetry", "tolerance")}
    for path in written:
        with h5py.File(path) as file:
            seen["file"] |= fields(file)
            for response in file["responses"].values():
                seen["response"] |= fields(response)
                for site in response.get("sites", {}).values():
                    seen["response"] |= fields(site)
            provenance = file["provenance"]
            seen["provenance"] |= fields(provenance)
            seen["source"] |= fields(provenance["model_source"])
            seen["symmetry"] |= fields(provenance["symmetry"]) if "symmetry" in provenance else set()
            seen["tolerance"] |= fields(provenance["tolerance"]) if "tolerance" in provenance else set()
    assert seen["file"] == explained("The whole file")
    assert seen["response"] == explained("A response")
    assert seen["provenance"] == explained("Provenance")
    assert seen["source"] == explained("Model source")
    assert seen["symmetry"] == explained("Symmetry")
    assert seen["tolerance"] == explained("Tolerance")


# --- validation ---------------------------------------------------------------------------------------------------------


def test_every_row_is_measured_and_asserted(documentation):
    validate = documentation("validate")
    measured = json.loads(validate.OUTPUT.read_text())
    assert measured["comparisons"].keys() == validate.COMPARISONS.keys()
    for row in validate.COMPARISONS.values():
        for test in row.tests:
            path, _, function = test.partition("::")
            assert not function or f"def {function}(" in (ROOT / path).read_text(), test
            assert (ROOT / path).is_file()
    assert {row["case"] for row in measured["forms"]} == {case.name for case in validate.CASES}
    last = measured["GaAs"][-1]
    assert f"{last['value']:.3f} (hbar/e) S/cm is converged" in PAGES["validation"]
    assert abs(last["value"] - measured["GaAs"][-2]["value"]) < 2e-3


@pytest.mark.parametrize("key", ["dirac 6b", "dirac 10", "quantized", "altermagnet", "sites"])
@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_what_is_stated_is_found_again(documentation, key):
    validate = documentation("validate")
    stated = json.loads(validate.OUTPUT.read_text())["comparisons"][key]
    assert validate.COMPARISONS[key].measure() <= 2 * stated + 1e-12


@pytest.mark.pages
@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_printed_against_full_is_found_again(documentation):
    validate = documentation("validate")
    (case,) = (case for case in validate.CASES if case.name == "altermagnet")
    found = {row["response"]: row for row in validate.forms(case)}
    stated = {row["response"]: row for row in json.loads(validate.OUTPUT.read_text())["forms"] if row["case"] == "altermagnet"}
    assert found.keys() == stated.keys()
    assert found["magnetic_spin_hall"]["full"] == stated["magnetic_spin_hall"]["full"] == -0.03356
    assert all(found[name]["vanishes"] == row["vanishes"] for name, row in stated.items())


def test_a_vanishing_oracle_is_refused(documentation):
    with pytest.raises(ValueError, match="vanishes everywhere"):
        documentation("validate").deviation(np.ones(2), np.zeros(2))


# --- the site -----------------------------------------------------------------------------------------------------------


def build(output, cwd, root=ROOT):
    for package in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(package, reason="pip install '.[docs]'")
    script = root / "workflows" / "documentation" / "build.py"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, script, "-o", output]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built without a warning."""
    folder = tmp_path_factory.mktemp("site")
    done = build(folder / "site", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


@pytest.mark.pages
def test_the_site_is_built(site):
    """Nothing of it is fetched from elsewhere; equations are there."""
    for page in PAGES:
        html = (site / f"{page}.html").read_text()
        assert not re.search(r"<(?:script|img|link)[^>]*(?:src|href)=\"(?:https?:)?//", html), page
        assert "generated:" not in html
    for figure in re.findall(r"<!-- figure: (.+?) -->", "".join(PAGES.values())):
        assert (site / "_static" / figure).stat().st_size > 5000
    theory = (site / "theory.html").read_text()
    assert theory.count("<math") > 150
    assert theory.count("<table") >= 6


FRAMES = r"""<body><script>
const widths = [1440, 390], pages = %s, found = []
const check = (frame, page, width) => {
  const inside = frame.contentDocument, wide = inside.documentElement.scrollWidth - width
  const broken = [...inside.images].filter(image => !image.naturalWidth).map(image => image.src)
  const named = [...inside.querySelectorAll('a[href^="#"]')].map(link => link.getAttribute("href").slice(1))
  const lost = named.filter(id => id && !inside.getElementById(id))
  const cut = [...inside.querySelectorAll("table")].filter(table => {
    const room = table.closest(".table-wrapper") ?? table.parentElement, scrolls = getComputedStyle(room).overflowX === "auto"
    return table.scrollWidth > room.clientWidth && (width < 600 || table.classList.contains("stacked") || !scrolls)
  })
  cut.push(...[...inside.querySelectorAll("article pre, div.math > span")].filter(one => one.scrollWidth > one.clientWidth + 1))
  const edge = one => one.closest("li, p, td, dd")?.getBoundingClientRect().right ?? width
  const beyond = one => one.getBoundingClientRect().right > edge(one) + 1
  cut.push(...[...inside.querySelectorAll("article p math, article li math")].filter(beyond))
  const small = [...inside.images].filter(image => image.naturalWidth && image.clientWidth < Math.min(150, image.naturalWidth))
  const named_so = cut.map(one => one.textContent.trim().slice(0, 40))
  const bad = [...broken, ...lost, ...small.map(image => `${image.src} is ${image.clientWidth} px`), ...named_so]
  if (wide > 0 || bad.length) found.push(`${page} at ${width}: ${wide} px too wide, ${bad}`)
}
const visits = pages.flatMap(page => widths.map(width => [page, width]))
const next = () => {
  if (!visits.length) { document.body.innerHTML = `<pre>seen ${pages.length}\n${found.join("\n")}</pre>`; return }
  const [page, width] = visits.pop(), frame = document.createElement("iframe")
  frame.style = `width: ${width}px; height: 900px; border: 0`
  frame.onload = () => { check(frame, page, width); frame.remove(); next() }
  frame.src = page
  document.body.append(frame)
}
next()
</script></body>"""


@pytest.fixture(scope="module")
def chromium():
    if (found := shutil.which("chromium") or shutil.which("chromium-browser")) is None:
        pytest.skip("no chromium here")
    return found


@pytest.mark.pages
def test_pages_in_a_browser(chromium, site, tmp_path):
    """At the width of a desk and of a phone nothing sticks out or is cut, no picture or anchor is missing, no script fails."""
    (site / "frames.html").write_text(FRAMES % json.dumps([f"{page}.html" for page in PAGES]))
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--virtual-time-budget=60000"]
    options += ["--enable-logging=stderr", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]  # a page has WebGL
    command = [chromium, *options, f"--user-data-dir={tmp_path}/profile", "--dump-dom", (site / "frames.html").as_uri()]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert f"<pre>seen {len(PAGES)}\n</pre>" in done.stdout, done.stdout[-2000:]
    assert "Uncaught" not in done.stderr, done.stderr[-2000:]


FAULTS = {"[](nowhere.md)": "nowhere.md", "{py:func}`wannier_spin.nothing`": "wannier_spin.nothing", "Nothing wrong.": ""}


@pytest.mark.pages
@pytest.mark.parametrize("text", FAULTS)
def test_a_broken_link_fails(text, tmp_path):
    """Of a site of one page."""
    root = tmp_path / "root"
    shutil.copytree(DOCS, root / "docs", ignore=shutil.ignore_patterns("*.md", "__pycache__"))
    (root / "workflows" / "documentation").mkdir(parents=True)
    for script in ("build.py", "generate.py"):
        shutil.copy(FOLDER / script, root / "workflows" / "documentation")
    (root / "docs" / "index.md").write_text(f"# Title\n\n{text}\n")
    done = build(tmp_path / "site", tmp_path, root)
    assert (done.returncode != 0) == bool(FAULTS[text]), done.stderr
    assert FAULTS[text] in done.stderr
