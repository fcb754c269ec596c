"""mosquitto with the files of `deploy/mosquitto`: only ports and folders are other ones."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.servers import HOST, Server, find_binary

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
USERS: Final = ("gateway-1", "feed", "bridge-1", "belt-3", "belt-4")


def password_of(user: str) -> str:
    """What the tests give a user as password."""
    return f"secret of {user}"


class ShippedMosquitto(Server):
    """The broker as an operator runs it, with a user for each of `USERS`.

    Parameters
    ----------
    replace : mapping of str to str
        More to be altered in `mosquitto.conf`.
    listener : str
        Which of `listeners/`; `tls` needs a `certificate` in the folder.
    """

    name = "mosquitto"

    def __init__(
        self, folder: Path, replace: dict[str, str] | None = None, listener: str = "local"
    ) -> None:
        super().__init__(find_binary("mosquitto", "mosquitto"), folder)
        for inner in ("data", "conf.d"):
            (folder / inner).mkdir(exist_ok=True)
        self._write_config(replace or {})
        passwords = folder / "vitalwire.passwd"
        passwords.touch(mode=0o600)
        program = find_binary("mosquitto_passwd", "mosquitto")
        for user in USERS:
            subprocess.run([program, "-b", passwords, user, password_of(user)], check=True)
        self.ca_file = folder / "ca.pem" if listener == "tls" else None
        self._write_listener(listener)

    def _write_listener(self, name: str) -> None:
        text = (DEPLOY / f"mosquitto/listeners/{name}.conf").read_text()
        text = re.sub(r"^listener \d+", f"listener {self.port}", text, flags=re.MULTILINE)
        text = text.replace("/etc/mosquitto/certs", str(self.folder))
        (self.folder / f"conf.d/{name}.conf").write_text(text)

    def _write_config(self, replace: dict[str, str]) -> None:
        config = (DEPLOY / "mosquitto/mosquitto.conf").read_text()
        for old, new in {
            "/var/lib/mosquitto/": f"{self.folder / 'data'}/",
            "/etc/mosquitto/vitalwire.passwd": str(self.folder / "vitalwire.passwd"),
            "/etc/mosquitto/vitalwire.acl": str(DEPLOY / "mosquitto/vitalwire.acl"),
            "/etc/mosquitto/conf.d": str(self.folder / "conf.d"),
            **replace,
        }.items():
            assert config.count(old) == 1, f"expected once in mosquitto.conf: {old}"
            config = config.replace(old, new)
        # Run by root, it would change to a user who may not write in the test's folder.
        root = "user root\n" if os.getuid() == 0 else ""
        (self.folder / "mosquitto.conf").write_text(root + config)

    def _command(self) -> list[str]:
        return [self.binary, "-c", str(self.folder / "mosquitto.conf")]


def certificate(folder: Path) -> None:
    """Make a certificate for this machine's address, its own authority."""
    program = find_binary("openssl", "openssl")
    command = f"""req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2
        -subj /CN={HOST} -addext subjectAltName=IP:{HOST}"""
    files = ["-keyout", f"{folder / 'broker.key'}", "-out", f"{folder / 'broker.pem'}"]
    subprocess.run(
        [program, *command.split(), *files], check=True, capture_output=True, timeout=30
    )
    shutil.copy(folder / "broker.pem", folder / "ca.pem")
