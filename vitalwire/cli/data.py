"""`vitalwire data`: recordings that are here, and more from PhysioNet."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitalwire.cli.output import print_json
from vitalwire.errors import InputError

if TYPE_CHECKING:
    from vitalwire.recordings.catalog import DataSet
    from vitalwire.recordings.fetch import FetchReport

app = typer.Typer(
    help="Recordings: what is here, and download more.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

_JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command("list")
def list_sets(json_: _JSON = False) -> None:
    """List the sets that are known: size, licence, and what of them is on this machine.

    Example: vitalwire data list
    """
    from vitalwire.recordings.catalog import CITATION, SETS, data_folders, present

    folders = data_folders()
    places = {name: present(found, folders) for name, found in SETS.items()}
    if json_:
        print_json(
            {
                "folders": [str(folder) for folder in folders],
                "sets": [
                    {
                        **dataclasses.asdict(found),
                        "present": [
                            {**dataclasses.asdict(place), "folder": str(place.folder)}
                            for place in places[name]
                        ],
                    }
                    for name, found in SETS.items()
                ],
            }
        )
        return
    for name, found in SETS.items():
        typer.echo(f"{name:18} {found.signal:4} {found.licence:12} {found.about}")
        for place in places[name]:
            size = f"{place.records} records, {place.bytes / 1e6:.1f} MB"
            typer.echo(f"{'':18}{size} in {place.folder}")
    typer.echo(f"Looked in {', '.join(map(str, folders))}. Cite {CITATION}.")


@app.command("fetch")
def fetch_set(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A set of `data list`.")],
    patients: Annotated[str, typer.Option(help="Only these, by number: 1,3.")] = "",
    records: Annotated[str, typer.Option(help="Only these: 100,208.")] = "",
    to: Annotated[
        Path | None, typer.Option(help="Data folder; default: the cache.", file_okay=False)
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(envvar="VITALWIRE_PHYSIONET_URL", help="A mirror in PhysioNet's layout."),
    ] = None,
    check: Annotated[bool, typer.Option(help="Checksum what is there already.")] = False,
    json_: _JSON = False,
) -> None:
    """Download a set from PhysioNet; run it again after an interruption, it goes on.

    Example: vitalwire data fetch chbmit --patients 1,3
    """
    from vitalwire.recordings.catalog import CITATION, cache_folder, known
    from vitalwire.recordings.fetch import PHYSIONET, verify

    found = known(name)
    folder = (to or cache_folder()) / found.folder
    if check and (bad := verify(found, folder)):
        for file in bad:
            (folder / file).unlink()
        typer.echo(f"removed {len(bad)} files whose checksum was wrong", err=True)
    numbers = [_number(part) for part in _split(patients)]
    report = _fetch(found, folder, base_url or PHYSIONET, numbers, _split(records))
    if json_:
        print_json(dataclasses.asdict(report))
    else:
        typer.echo(
            f"{found.name}: {report.files} files in {report.folder} "
            f"({report.already_there} were there). {found.licence}; cite {CITATION}."
        )


def _fetch(
    found: "DataSet", folder: Path, base_url: str, patients: list[int], records: list[str]
) -> "FetchReport":
    """Fetch with progress on standard error."""
    from rich.console import Console
    from rich.progress import Progress

    from vitalwire.recordings.fetch import fetch

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(found.name, total=None)
        return fetch(
            found,
            folder,
            base_url=base_url,
            patients=patients,
            records=records,
            on_count=lambda n: progress.update(task, total=n),
            on_file=lambda file, _: progress.update(task, advance=1, description=file),
        )


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _number(text: str) -> int:
    if not text.isdigit():
        raise InputError(f"--patients: expected numbers as 1,3, got {text!r}")
    return int(text)
