"""`vitalwire doctor`: is this machine fit to be a gateway?"""

from pathlib import Path
from typing import Annotated

import typer

from vitalwire.cli.options import AsJson


def command(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="TOML, as deploy/edge.toml.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check broker, store, clock, disk, data folder and bundles. Exits 1 if a check fails.

    Example: vitalwire doctor --config /etc/vitalwire/edge.toml
    """
    from dataclasses import asdict

    from edge.config import EdgeSettings
    from edge.doctor import Verdict, examine
    from vitalwire.cli.output import print_json

    findings = []
    for finding in examine(EdgeSettings.load(config)):
        findings.append(finding)
        typer.echo(
            f"{finding.verdict.value:<4}  {finding.check:<11}  {finding.detail}", err=as_json
        )
    healthy = all(finding.verdict is not Verdict.FAIL for finding in findings)
    if as_json:
        print_json({"healthy": healthy, "checks": [asdict(finding) for finding in findings]})
    if not healthy:
        raise typer.Exit(1)
