"""The application that commands register with, and the end of their help."""

from __future__ import annotations

import re
from typing import Annotated

import typer

ROOM = 76  # letters: the help is 80 wide, and its examples are indented


def examples(*lines: str) -> str:
    """The end of a command's help, no wider than a terminal. An empty line starts a paragraph, of which click keeps the lines if it
    starts with backspace.

    A command that is too long goes on in another line; where a comment does not fit behind its command, all stand above.
    """
    above = any(len(line) > ROOM for line in lines if " # " in line)
    folded = [
        piece for line in lines for piece in (_folded(line, above) if line.startswith(("wannier-spin", "mpirun")) else [line])
    ]
    paragraphs = "\n".join(("Examples:", *(f"  {line}".rstrip() for line in folded))).split("\n\n")
    return "\n\n".join(f"\b\n{paragraph}" for paragraph in paragraphs)


def _folded(line: str, above: bool) -> list[str]:
    """The lines that an example takes."""
    command, _, comment = line.partition(" # ")
    if not above or not comment:
        return _continued(line)
    return [f"# {comment.strip()}", *_continued(command.rstrip())]


def _continued(command: str) -> list[str]:
    """A command in lines that a shell takes as one, broken before options and words outside of quotes."""
    lines = [""]
    for option in re.findall(r"(?:^|\s+-)(?:'[^']*'|[^'\s]|\s(?!\s*-))+", command):
        if lines[-1] and len(lines[-1] + option) > ROOM - 4:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += option
    return lines


app = typer.Typer(
    help="Spin responses to an electric field, from Wannier90 output. `wannier-spin COMMAND --help` says more, with examples.",
    epilog=examples(
        "wannier-spin check Pt                        # are Pt.chk, Pt.eig, Pt.mmn, Pt.spn fit for use?",
        "wannier-spin init Pt                         # write Pt.toml, an input file with comments, from what Pt.* tell",
        "wannier-spin run Pt.toml                     # compute what Pt.toml asks for; writes Pt.h5",
        "wannier-spin show Pt.h5 -c 'xy;z'            # one component over mu and T",
        "wannier-spin plot Pt.h5 -o Pt.pdf            # figures, with error bands",
        "",
        "Exit codes: 0 done (a warning is still 0), 2 bad input, 1 anything else.",
    ),
    rich_markup_mode=None,  # plain text: rich takes '[symmetry]' for markup
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from wannier_spin.versions import installed

        print(f"wannier-spin {installed('wannier-spin')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options that come before a command."""
