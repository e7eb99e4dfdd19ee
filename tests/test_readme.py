"""What README.md promises: the example runs, it fits on two screens, the test command is what .ci/run takes; examples of docs/."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def fenced(language: str, page: str = "README.md") -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_two_screens() -> None:
    assert len(README.splitlines()) <= 80
    assert len(README) < 6000


def test_python_example_runs(tmp_path: Path) -> None:
    """As it stands, but for a larger tolerance and the folder."""
    (code,) = fenced("python")
    assert code.count("tolerance=0.02") == 1
    assert code.count("Pt.h5") == 2
    code = code.replace("tolerance=0.02", "tolerance=0.2").replace("Pt.h5", str(tmp_path / "Pt.h5"))
    code = re.sub(r"\s*# ws\.load", "; ws.load", code)  # the line that is a comment must be true as well
    code = re.sub(r"reads it back.*", "", code)
    script = tmp_path / "example.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, "-W", "error", script], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    first, head, *lines, last = done.stdout.splitlines()
    assert first == "(hbar/e) S m^-1 ('mu', 'temperature', 'a', 'b', 'c')"
    assert head == "spin_hall xy;z ((hbar/e) S m^-1): 3 mu x 1 temperature"
    found = [re.fullmatch(r"  mu = 22\.\d+ eV, T = 300 K: (2\.\d)\d*\(\d+\)e5", line) for line in lines]
    assert len(found) == 3
    assert all(number is not None and 1.9 < float(number[1]) < 2.6 for number in found), lines
    assert len(last.split()) >= 3  # in (hbar/e) S/cm
    assert (tmp_path / "Pt.h5").is_file()


def test_comment_is_what_is_printed() -> None:
    promised = re.search(r"print\(spin_hall\.unit, spin_hall\.axes\)\s*# (.*)", README)
    assert promised is not None
    assert promised.group(1) == "(hbar/e) S m^-1 ('mu', 'temperature', 'a', 'b', 'c')"


def test_commands_exist() -> None:
    """Every `wannier-spin WORD` of README and of the examples' inputs is a command."""
    done = subprocess.run([sys.executable, "-m", "wannier_spin.cli", "--help"], capture_output=True, text=True, timeout=60)
    texts = [README, *(path.read_text(encoding="utf-8") for path in ROOT.glob("example_inputs/*/input.toml"))]
    for text in texts:
        for word in re.findall(r"wannier-spin ([a-z][a-z-]*)", text):
            assert re.search(rf"^\W*{word} ", done.stdout, flags=re.MULTILINE), word


def test_links_and_paths_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
    for target in re.findall(r'src="([^"]+)"', README):
        assert (ROOT / target).is_file(), target
    for target in re.findall(r"example_inputs/[\w./]+", README):
        assert (ROOT / target).exists() or list(ROOT.glob(target + ".*")), target


def test_ci_runs_the_test_command_of_readme() -> None:
    """The same extraction as in .ci/run gives the one command that ends in pytest."""
    script = ROOT / ".ci" / "run"
    if not script.is_file() or shutil.which("awk") is None:
        pytest.skip("no .ci/run here (a source distribution)")
    text = script.read_text()
    awk = re.search(r"test_command=\$\((awk .*?README\.md)\)", text, flags=re.DOTALL)
    marker = re.search(r"^marker='(.*)'$", text, flags=re.MULTILINE)
    assert awk is not None
    assert marker is not None
    command = f"marker='{marker.group(1)}'; {awk.group(1)}"
    found = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60).stdout.strip()
    after = README.split(marker.group(1), 1)[1]
    block = re.search(r"```bash\n(.*?)\n```", after, flags=re.DOTALL)
    assert block is not None
    assert found == block.group(1)
    assert "\n" not in found
    assert found.startswith("python3 -m venv")
    assert found.endswith("pytest")


def test_test_command_installs_what_the_tests_need() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    command = README.split("<!-- test command -->", 1)[1].split("```")[1]
    installed = re.search(r"\.\[([\w,]+)\]", command)
    assert installed is not None
    assert set(installed.group(1).split(",")) <= set(extras)


def test_wannierberri_example_runs(tmp_path: Path) -> None:
    (code,) = [code for code in fenced("py", "docs/codes.md") if "wannierberri" in code]
    code = code.replace("example_inputs", str(ROOT / "example_inputs")).replace("NKdiv=4, NKFFT=4", "NKdiv=2, NKFFT=2")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "(11, 1, 3, 3, 3)"


def test_figures_and_export_example_runs(tmp_path: Path) -> None:
    """As it stands, but for coarse meshes."""
    (session,) = fenced("pycon", "docs/figures.md")
    lines = [line.removeprefix(">>> ") for line in session.splitlines()]
    code = "\n".join(["import wannier_spin as ws", f"model = ws.read_wannier90({str(ROOT / 'example_inputs/Pt/Pt')!r})", *lines])
    for fine, coarse in (("(40, 40, 40)", "(4, 4, 4)"), ("(24, 24, 24)", "(4, 4, 4)"), ('0 1 0")', '0 1 0", (9, 9))')):
        assert code.count(fine) >= 1
        code = code.replace(fine, coarse)
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["FIG.pdf", "Pt.frmsf", "Pt.png"]


def test_tolerance_example_is_valid() -> None:
    import tomllib

    from wannier_spin.config import ToleranceSection

    (text,) = fenced("toml", "docs/tolerance.md")
    section = ToleranceSection.model_validate(tomllib.loads(text)["tolerance"])
    assert section.absolute == {"spin_hall": 1000.0}
