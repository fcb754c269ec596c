from pathlib import Path

import pytest

from cloud.config import FeedBrokerSettings, FeedSettings, load_settings
from vitalwire.errors import InputError

SHIPPED = Path(__file__).parents[2] / "deploy" / "feed.toml"


def test_shipped_file_writes_out_every_default() -> None:
    assert load_settings(SHIPPED).model_dump() == FeedSettings().model_dump()
    text = SHIPPED.read_text()
    named = set(FeedSettings.model_fields) | set(FeedBrokerSettings.model_fields)
    assert [name for name in named if f"{name} =" not in text and f"[{name}]" not in text] == []


def test_command_line_above_environment_above_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "feed.toml"
    file.write_text('site = "file"\nport = 1\nhistory_days = 7\n[broker]\nhost = "file"\n')
    monkeypatch.setenv("VITALWIRE_FEED_SITE", "variable")
    monkeypatch.setenv("VITALWIRE_FEED_PORT", "2")
    monkeypatch.setenv("VITALWIRE_FEED_BROKER__PORT", "1884")
    settings = load_settings(file, {"port": 3})
    assert (settings.port, settings.site, settings.history_days) == (3, "variable", 7)
    assert (settings.broker.host, settings.broker.port) == ("file", 1884)


@pytest.mark.parametrize(
    "text", ["colour = 1", "port = 99999", "[broker]\nqos = 1", "site = 'a/b'", "port ="]
)
def test_bad_file_is_one_clear_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "feed.toml"
    file.write_text(text)
    with pytest.raises(InputError, match="feed settings"):
        load_settings(file)


@pytest.mark.parametrize("name", ["PROT", "BROKER__HSOT", "SITE__NAME"])
def test_misspelt_variable_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"VITALWIRE_FEED_{name}", "1")
    with pytest.raises(InputError, match=name):
        load_settings()


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"deploy/feed\.toml"):
        load_settings(tmp_path / "none.toml")


def test_a_secret_is_not_printed() -> None:
    assert "hush" not in repr(FeedSettings(access_token="hush"))
