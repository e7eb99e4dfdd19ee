"""Lists: `responses`, `schema`."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from wannier_spin.cli.app import app, examples
from wannier_spin.cli.terminal import columns, table


@app.command(epilog=examples("wannier-spin schema > wannier-spin.schema.json"))
def schema() -> None:
    """Print the JSON schema of the input file. For editors, and for programs that write inputs."""
    from wannier_spin.formats.export import input_schema

    print(json.dumps(input_schema(), indent=1))


@app.command(epilog=examples("wannier-spin responses"))
def responses(markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table.")] = False) -> None:
    """List the responses that can be computed."""
    print(responses_table(markdown, columns(sys.stdout)))


def responses_table(markdown: bool = False, width: int | None = None) -> str:
    """The registry as a table. width : of the terminal, for one that is not Markdown."""
    from wannier_spin import responses as resp

    rows = [
        (
            r.name,
            r.symbol,
            r.law,
            r.equation,
            ", ".join(f"tau^{power}" for power in r.tau_powers),
            _parity(r.tensor.space_parity),
            _parity(r.tensor.time_parity(r.tau_power)),
        )
        for r in (*resp.RESPONSES.values(), *resp.THERMAL_RESPONSES.values())
    ]
    head = ("name", "symbol", "law", "eq.", "order", "P", "T")
    if not markdown:
        return table(head, rows, width)
    lines = [head, ("---",) * len(head), *((f"`{row[0]}`", *(cell.replace("_", r"\_") for cell in row[1:])) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _parity(sign: int) -> str:
    return "even" if sign > 0 else "odd"
