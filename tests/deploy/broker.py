"""mosquitto with the files of `deploy/mosquitto`: only ports and folders are other ones."""

import os
import subprocess
from pathlib import Path
from typing import Final

from tests.servers import Server, find_binary

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
    """

    name = "mosquitto"

    def __init__(self, folder: Path, replace: dict[str, str] | None = None) -> None:
        super().__init__(find_binary("mosquitto", "mosquitto"), folder)
        for inner in ("data", "conf.d"):
            (folder / inner).mkdir(exist_ok=True)
        self._write_config(replace or {})
        passwords = folder / "vitalwire.passwd"
        passwords.touch(mode=0o600)
        program = find_binary("mosquitto_passwd", "mosquitto")
        for user in USERS:
            subprocess.run([program, "-b", passwords, user, password_of(user)], check=True)
        local = (DEPLOY / "mosquitto/listeners/local.conf").read_text()
        assert "listener 1883 " in local
        local = local.replace("listener 1883 ", f"listener {self.port} ")
        (folder / "conf.d/local.conf").write_text(local)

    def _write_config(self, replace: dict[str, str]) -> None:
        config = (DEPLOY / "mosquitto/mosquitto.conf").read_text()
        for old, new in {
            "/var/lib/mosquitto/": f"{self.folder / 'data'}/",
            "/etc/mosquitto/vitalwire.passwd": str(self.folder / "vitalwire.passwd"),
            "/etc/mosquitto/vitalwire.acl": str(DEPLOY / "mosquitto/vitalwire.acl"),
            "/etc/mosquitto/conf.d": str(self.folder / "conf.d"),
            **replace,
        }.items():
            assert config.count(old) == 1 or old.startswith("/etc/mosquitto/"), old
            config = config.replace(f" {old}", f" {new}")
        # Run by root, it would change to a user who may not write in the test's folder.
        root = "user root\n" if os.getuid() == 0 else ""
        (self.folder / "mosquitto.conf").write_text(root + config)

    def _command(self) -> list[str]:
        return [self.binary, "-c", str(self.folder / "mosquitto.conf")]
