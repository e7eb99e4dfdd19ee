"""The application that commands register with, and the end of their help."""

from __future__ import annotations

import typer


def examples(*lines: str) -> str:
    """The end of a command's help; an empty line starts a paragraph, of which click keeps the lines if it starts with backspace."""
    paragraphs = "\n".join(("Examples:", *(f"  {line}".rstrip() for line in lines))).split("\n\n")
    return "\n\n".join(f"\b\n{paragraph}" for paragraph in paragraphs)


app = typer.Typer(
    help="Spin responses to an electric field, from Wannier90 output. `wannier-spin COMMAND --help` says more, with examples.",
    epilog=examples(
        "wannier-spin check Pt                        # are Pt.chk, Pt.eig, Pt.mmn, Pt.spn fit for use?",
        "wannier-spin run Pt.toml                     # compute what Pt.toml asks for; writes Pt.h5",
        "wannier-spin show Pt.h5 -c 'xy;z'            # one component over mu and T",
        "wannier-spin plot Pt.h5 -o Pt.pdf            # figures, with error bands",
        "",
        "Exit codes: 0 done (a warning is still 0), 2 bad input, 1 anything else.",
    ),
    rich_markup_mode=None,  # plain text: rich takes '[symmetry]' for markup
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
