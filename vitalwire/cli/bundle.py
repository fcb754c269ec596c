"""`vitalwire bundle`: look at model bundles, check and sign them, install and roll back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitalwire.bundle import Bundle, Task, Trust, load_bundle, read_manifest
from vitalwire.cli.output import print_json
from vitalwire.errors import BundleError, InputError

if TYPE_CHECKING:
    from edge.bundle_store import Change

app = typer.Typer(
    help="Model bundles: look, verify, sign, install, roll back.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
)

Named = Annotated[
    str, typer.Argument(metavar="BUNDLE", help="A folder, or a task: then the shipped one.")
]
DataDir = Annotated[
    Path, typer.Option("--data-dir", metavar="DIR", help="The gateway's data folder.")
]
MaybeDataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="A gateway's data folder: its keys are trusted, and a task is the one it runs.",
    ),
]
Keys = Annotated[
    list[Path] | None,
    typer.Option("--key", metavar="PEM", help="Trust this public key too; may be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def show(
    bundle: Named, data_dir: MaybeDataDir = None, key: Keys = None, as_json: Json = False
) -> None:
    """Show what a bundle says of itself, whether it is trusted, and where its card is.

    Example: vitalwire bundle show ecg-beat
    """
    from vitalwire.cli.bundle_report import bundle_fields, bundle_lines

    path = _path(bundle, data_dir)
    manifest, digest = read_manifest(path)
    try:
        trusted, told = True, _load(path, data_dir, key).trusted_by
    except BundleError as error:
        trusted, told = False, str(error)
    if as_json:
        print_json(bundle_fields(path, manifest, digest, trusted, told))
        return
    for line in bundle_lines(path, manifest, digest, trusted, told):
        typer.echo(line)


@app.command()
def verify(
    bundle: Named, data_dir: MaybeDataDir = None, key: Keys = None, as_json: Json = False
) -> None:
    """Check every file of a bundle, and who stands for it. Exits 1 if it must not be run.

    Example: vitalwire bundle verify ./ecg-beat --data-dir /var/lib/vitalwire
    """
    path = _path(bundle, data_dir)
    try:
        found = _load(path, data_dir, key)
    except BundleError as error:
        if as_json:
            print_json({"path": str(path), "trusted": False, "reason": str(error)})
        raise
    if as_json:
        print_json({"path": str(path), "trusted": True, **_named(found)})
    else:
        typer.echo(f"{found.name}: every file is as it was made, trusted by {_by(found)}")


@app.command()
def sign(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Its folder.")],
    key: Annotated[Path, typer.Option(metavar="PEM", help="The site's private key.")],
    as_json: Json = False,
) -> None:
    """Sign a bundle: whoever trusts the key trusts the bundle. It is checked before.

    Example: vitalwire bundle sign ./ecg-beat --key keys/site-private.pem
    """
    from vitalwire.bundle import sign as sign_bundle

    signer = sign_bundle(bundle, key)
    manifest, digest = read_manifest(bundle)
    if as_json:
        fields = {"task": manifest.task.value, "version": manifest.version, "digest": digest}
        print_json({"path": str(bundle), **fields, "key": signer})
    else:
        typer.echo(f"{manifest.task} {manifest.version} ({digest[:12]}) is signed by {signer}")


@app.command()
def keygen(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the two files go.")],
    as_json: Json = False,
) -> None:
    """Make a site's key pair: site-private.pem to sign with, site-public.pem for gateways.

    Keep the private key off the gateways. Keys that are there are never overwritten.

    Example: vitalwire bundle keygen --out keys
    """
    from vitalwire.bundle.keys import make_key_pair

    private, public, name = make_key_pair(out)
    if as_json:
        print_json({"private": str(private), "public": str(public), "key": name})
    else:
        typer.echo(f"key {name}: sign with {private}; gateways trust {public}")


@app.command()
def install(bundle: Named, data_dir: DataDir, key: Keys = None, as_json: Json = False) -> None:
    """Install a bundle that a trusted key has signed; the gateway runs it from its next start.

    Nothing older than what runs is taken. A key given here that has signed it is kept among
    the trusted ones. On any refusal nothing changes.

    Example: vitalwire bundle install ./ecg-beat --data-dir /var/lib/vitalwire
    """
    from edge.bundle_store import BundleStore

    change = BundleStore(data_dir).install(_path(bundle, None), _checked(key))
    if as_json:
        print_json(_change_fields(change))
    elif change.changed:
        typer.echo(f"installed {_told(change)}")
    else:
        typer.echo(f"{change.bundle.name} runs already: nothing changed")


@app.command()
def rollback(
    task: Annotated[Task, typer.Argument(metavar="TASK", help="Such as ecg-beat.")],
    data_dir: DataDir,
    as_json: Json = False,
) -> None:
    """Go back to the bundle that ran before the last install; in the end to the shipped one.

    Who did it, and when, is written to DIR/bundles/audit.jsonl.

    Example: vitalwire bundle rollback ecg-beat --data-dir /var/lib/vitalwire
    """
    from edge.bundle_store import BundleStore

    change = BundleStore(data_dir).rollback(task)
    if as_json:
        print_json(_change_fields(change))
        return
    for name in change.skipped:
        typer.echo(f"vitalwire: skipped {name}: it cannot be run", err=True)
    typer.echo(f"back to {_told(change)}")


def _path(name: str, data_dir: Path | None) -> Path:
    """The folder that was meant: a task's name means the shipped, or running, bundle."""
    from edge.bundle_store import SHIPPED_FOLDER, BundleStore

    if name not in list(Task):
        return Path(name)
    if Path(name).exists():
        raise InputError(f"{name} is a task and a folder here: write ./{name} for the folder")
    if data_dir is None:
        return SHIPPED_FOLDER / name
    path = BundleStore(data_dir).path(Task(name))
    if path is None:
        raise BundleError(f"{name}: none is installed in {data_dir}, and none is shipped")
    return path


def _load(path: Path, data_dir: Path | None, keys: list[Path] | None) -> Bundle:
    from edge.bundle_store import SHIPPED_FOLDER, BundleStore
    from vitalwire.bundle.trust import PINS, read_pins

    if data_dir is None:
        trust = Trust(read_pins(SHIPPED_FOLDER / PINS), _checked(keys))
    else:
        trust = BundleStore(data_dir).trust(_checked(keys))
    return load_bundle(path, trust=trust)


def _checked(keys: list[Path] | None) -> tuple[Path, ...]:
    """Key files that were typed: a wrong one is said, not passed over."""
    if keys:
        from vitalwire.bundle.keys import read_public_key

        for path in keys:
            read_public_key(path)
    return tuple(keys or ())


def _named(bundle: Bundle) -> dict[str, Any]:
    return {
        "task": bundle.manifest.task.value,
        "version": bundle.manifest.version,
        "digest": bundle.digest,
        "trusted_by": bundle.trusted_by,
    }


def _change_fields(change: Change) -> dict[str, Any]:
    return {
        **_named(change.bundle),
        "from": change.before,
        "to": change.now,
        "changed": change.changed,
        "skipped": list(change.skipped),
    }


def _told(change: Change) -> str:
    before = f", it was {change.before}" if change.before else ""
    return (
        f"{change.bundle.name}, trusted by {_by(change.bundle)}{before}: "
        "the gateway runs it from its next start"
    )


def _by(bundle: Bundle) -> str:
    return "this release" if bundle.trusted_by == "pinned" else bundle.trusted_by
