"""Options that many commands have, worded once."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="One object on the last line.")]
Results = Annotated[
    bool, typer.Option("--results", help="Write the figures to docs/results.md.")
]
