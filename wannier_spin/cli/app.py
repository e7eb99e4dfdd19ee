"""The application that commands register with, and the end of their help."""

from __future__ import annotations

from typing import Annotated

import typer


def examples(*lines: str) -> str:
    """The end of a command's help; an empty line starts a paragraph, of which click keeps the lines if it starts with backspace."""
    paragraphs = "\n".join(("Examples:", *(f"  {line}".rstrip() for line in lines))).split("\n\n")
    return "\n\n".join(f"\b\n{paragraph}" for paragraph in paragraphs)


app = typer.Typer(
    help="Spin responses to an electric field, from Wannier90 output. `wannier-spin COMMAND --help` says more, with examples.",
    epilog=examples(
        "wannier-spin init Pt                         # write Pt.toml, an input file with comments, from what Pt.* tell",
        "wannier-spin check Pt                        # are Pt.chk, Pt.eig, Pt.mmn, Pt.spn fit for use?",
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
        from wannier_spin.request import package_version

        print(f"wannier-spin {package_version()}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options that come before a command."""
