"""`python -m tests.fuzz --n 1000000 --seed 1`: what `make fuzz` runs."""

from collections import Counter
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.fuzz.run import run


def main(
    n: Annotated[int, typer.Option(help="How many mutants.")] = 1_000_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same mutants.")] = 1,
) -> None:
    """Fuzz the decoder, the topics, the messages and the stages behind them."""
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(f"seed {seed}", total=n)
        fuzzer = run(n, seed, lambda steps: progress.advance(task, steps))
    Console().print(_table(fuzzer.counts))


def _table(counts: Counter[tuple[str, str]]) -> Table:
    kinds = ("chunk", "topic", "json")
    table = Table("reason", *kinds, title="what became of the mutants")
    for column in table.columns[1:]:
        column.justify = "right"
    for reason in sorted({reason for _, reason in counts}):
        table.add_row(reason, *(f"{counts[kind, reason]:,}" for kind in kinds))
    return table


if __name__ == "__main__":
    typer.run(main)
