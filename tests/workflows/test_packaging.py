"""One version in one place, and recipes whose dependencies are those of pyproject.toml."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import wannier_spin as ws

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "workflows" / "packaging"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = dict(re.fullmatch(r"([\w-]+)(.*)", text).groups() for text in PROJECT["dependencies"])


def test_the_version_is_written_once() -> None:
    """The others are copies: this test holds them together."""
    assert "version" in PROJECT["dynamic"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == ws.__version__
    assert yaml.safe_load((FOLDER / "conda" / "recipe.yaml").read_text())["context"]["version"] == ws.__version__
    assert f'version("{ws.__version__}")' in (FOLDER / "spack" / "package.py").read_text()
    assert f"image.version {ws.__version__}\n" in (FOLDER / "apptainer.def").read_text()


def test_the_changelog_has_the_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert ws.__version__ in headings


def test_conda() -> None:
    recipe = yaml.safe_load((FOLDER / "conda" / "recipe.yaml").read_text())
    found = dict(line.partition(" ")[::2] for line in recipe["requirements"]["run"])
    assert found.pop("python") == PROJECT["requires-python"]
    assert found == DEPENDENCIES
    (script,) = recipe["build"]["python"]["entry_points"]
    assert script.split(" = ") == ["wannier-spin", PROJECT["scripts"]["wannier-spin"]]
    assert recipe["about"]["license"] == PROJECT["license"]
    assert (FOLDER / "conda" / recipe["source"]["path"]).resolve() == ROOT


def test_the_builder_of_conda_packages_takes_the_recipe() -> None:
    """pip install py-rattler-build: its own parser, without a network."""
    stage0 = pytest.importorskip("rattler_build.stage0", reason="pip install py-rattler-build")
    (variant,) = stage0.Stage0Recipe.from_file(str(FOLDER / "conda" / "recipe.yaml")).render()
    requirements = {str(one) for one in variant.recipe.requirements.run}
    assert {f"{name} {bounds}" for name, bounds in DEPENDENCIES.items()} <= requirements


def test_spack() -> None:
    """name@LOWEST:HIGHEST for name>=LOWEST,<HIGHEST + 1."""
    source = (FOLDER / "spack" / "package.py").read_text()
    ast.parse(source)
    found = dict(re.findall(r'depends_on\("py-([\w-]+)@([\d.]+)', source))
    for name, bounds in DEPENDENCIES.items():
        assert found[name] == re.search(r">=([\d.]+)", bounds)[1], name
    others = set(found) - set(DEPENDENCIES)
    extras = PROJECT["optional-dependencies"]
    optional = {re.match(r"[\w-]+", text)[0] for name in ("plot", "xarray") for text in extras[name]}
    assert others - {"hatchling"} <= optional


def test_apptainer_installs_extras_that_exist() -> None:
    extras = re.search(r"src\[([\w,]+)\]", (FOLDER / "apptainer.def").read_text())
    assert set(extras[1].split(",")) <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize(
    "path", [".readthedocs.yaml", *(f".github/ISSUE_TEMPLATE/{n}.yml" for n in ("fault", "formula", "config"))]
)
def test_yaml_of_the_repository(path: str) -> None:
    if not (ROOT / path).is_file():
        pytest.skip("not in a source distribution")
    assert yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_the_paper_cites_what_its_bibliography_has() -> None:
    text = (ROOT / "docs" / "paper" / "paper.md").read_text(encoding="utf-8")
    bibliography = (ROOT / "docs" / "paper" / "paper.bib").read_text(encoding="utf-8")
    keys = set(re.findall(r"@\w+\{(\w+),", bibliography))
    cited = set(re.findall(r"@(\w+)", text.split("---", 2)[2]))
    assert len(cited) >= 8
    assert cited == keys
