"""Sphinx: Markdown pages, generated parts put in when a page is read, equations as MathML (no network, no fonts)."""

import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "workflows" / "documentation"), str(HERE.parent)]  # generate.py, and the package of this clone

import generate  # noqa: E402

import wannier_spin  # noqa: E402

project, author, release = "wannier_spin", "the authors of wannier_spin", wannier_spin.__version__
copyright = "GPL-2.0-or-later"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["conf.py", "paper"]
html_theme = "furo"
html_title = f"wannier_spin {release}"
html_static_path = ["_static"]
html_css_files = ["wannier_spin.css"]
html_js_files = ["tables.js"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_copyright = False
pygments_style = "friendly"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
nitpick_ignore_regex = [("py:class", ".*")]  # base classes of other packages


DRAWN = set()  # figures of this build: some are on two pages


def generated(app, name, source):
    folder = Path(app.outdir) / "_static"
    folder.mkdir(exist_ok=True)
    for figure in set(generate.FIGURE.findall(source[0])) - DRAWN:
        generate.FIGURES[figure](folder / figure)
        DRAWN.add(figure)
    source[0] = generate.filled(source[0])


def as_written(app, what, name, obj, options, lines):
    """Docstrings are plain text with formulas: shown as they stand."""
    if any(lines):
        lines[:] = [".. code-block:: none", "", *(f"   {line}".rstrip() for line in lines), ""]


LONG = 50  # letters of TeX: a longer equation in a line of text does not fit a phone


def pieces(tex):
    """A long equation in parts between which a line may break: before = + - outside of brackets."""
    depth, found = 0, [""]
    for token in re.findall(r"\\[A-Za-z]+|\\.| [=+-] |.", tex):
        depth += (token in "({[") - (token in ")}]")
        if depth == 0 and token in (" = ", " + ", " - ") and len(tex) > LONG:
            found.append(r"{}")
        found[-1] += token
    return found


def inline(writer, node):
    writer.body += [tex2mathml(piece, as_block=False) for piece in pieces(node.astext())]
    raise nodes.SkipNode


def block(writer, node):
    r"""Equations that stand side by side, with \qquad between them, stand below one another on a phone."""
    equations = [tex2mathml(part, as_block=True) for part in node.astext().split(r"\qquad")]
    writer.body.append(f'<div class="math">{"".join(f"<span>{equation}</span>" for equation in equations)}</div>\n')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.connect("source-read", generated)
    app.connect("autodoc-process-docstring", as_written)
    return {"parallel_read_safe": True}
