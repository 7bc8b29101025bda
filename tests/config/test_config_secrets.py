"""Key and secret come from the environment or the keyring, from no layer of the configuration, and show themselves nowhere."""

from __future__ import annotations

import json
import pickle
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from trader_cli.cli.main import run
from trader_cli.config.layers import load_settings, stated
from trader_cli.config.secrets import SERVICE, Secret, credentials, is_secret_name
from trader_cli.config.settings import Settings
from trader_cli.errors import UsageError

NOWHERE = Path("/nowhere")
KEY = "kQ3vVbX9aUe7Zc1Lr0wT"
SECRET = "sN8yPd2hFm5Jg4WoKi6B"  # noqa: S105


def load(env: dict[str, str] | None = None, **flags: Any) -> Settings:
    return load_settings(
        "plain", NOWHERE, env or {}, {key.replace("__", "."): one for key, one in flags.items()}
    ).settings


def refused(env: dict[str, str] | None = None, **flags: Any) -> str:
    with pytest.raises(UsageError) as caught:
        load(env, **flags)
    return "\n".join([caught.value.message, *caught.value.hints])


def nothing_kept(_service: str, _name: str) -> None:
    """A keyring with nothing in it."""


# Where they come from


def test_key_and_secret_are_those_of_the_named_variables() -> None:
    venue = load(venue__key_env="MY_KEY", venue__secret_env="MY_SECRET").venue  # noqa: S106
    key, secret = credentials(venue, {"MY_KEY": KEY, "MY_SECRET": f" {SECRET}\n"}, nothing_kept)
    assert (key.reveal(), secret.reveal()) == (KEY, SECRET)


def test_what_the_environment_lacks_the_keyring_gives() -> None:
    asked: list[tuple[str, str]] = []

    def keyring(service: str, name: str) -> str | None:
        asked.append((service, name))
        return SECRET

    key, secret = credentials(load().venue, {"TRADER_API_KEY": KEY}, keyring)
    assert (key.reveal(), secret.reveal()) == (KEY, SECRET)
    assert asked == [(SERVICE, "TRADER_API_SECRET")]


@pytest.mark.parametrize(
    ("env", "missing"),
    [
        ({}, "`TRADER_API_KEY` and `TRADER_API_SECRET` are neither"),
        ({"TRADER_API_KEY": KEY}, "`TRADER_API_SECRET` is neither"),
        ({"TRADER_API_KEY": KEY, "TRADER_API_SECRET": " "}, "`TRADER_API_SECRET` is neither"),
        ({"TRADER_API_SECRET": SECRET}, "`TRADER_API_KEY` is neither"),
    ],
)
def test_what_is_missing_is_named_and_what_is_there_is_not_shown(env: dict[str, str], missing: str) -> None:
    with pytest.raises(UsageError) as caught:
        credentials(load().venue, env, nothing_kept)
    assert caught.value.message.startswith(missing)
    assert "keyring set trader TRADER_API_KEY" in caught.value.hints[1]
    assert KEY not in "".join(traceback.format_exception(caught.value))


class BrokenKeyring(ModuleType):
    """The package as it behaves on a machine without a desktop."""

    def __init__(self) -> None:
        super().__init__("keyring")
        self.errors = ModuleType("keyring.errors")
        self.errors.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]

    def get_password(self, service: str, name: str) -> str | None:
        raise self.errors.KeyringError


@pytest.mark.parametrize("package", [None, BrokenKeyring()], ids=["not installed", "no keyring on this machine"])
def test_no_keyring_is_a_missing_secret_and_no_fault(
    monkeypatch: pytest.MonkeyPatch, package: ModuleType | None
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", package)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="neither in the environment nor in the system's keyring"):
        credentials(load().venue, {})


@pytest.mark.parametrize("shown", [str, repr, "{}".format, "{!r}".format, lambda one: f"{[one]}"])
def test_a_secret_shows_itself_nowhere(shown: Any) -> None:
    assert KEY not in shown(Secret(KEY))
    assert "***" in shown(Secret(KEY))


@pytest.mark.parametrize("stored", [json.dumps, pickle.dumps, lambda one: "x" + one, lambda one: "".join([one])])
def test_a_secret_cannot_be_joined_or_stored_by_accident(stored: Any) -> None:
    with pytest.raises(TypeError):
        stored(Secret(KEY))


# Where they may not be


@pytest.mark.parametrize("name", ["key", "secret", "api_key", "apiKey", "private-key", "password", "token"])
@pytest.mark.parametrize("table", ["venue", "account"])
def test_a_secret_in_the_file_is_refused_unread_with_the_place_for_it(tmp_path: Path, table: str, name: str) -> None:
    (tmp_path / "trader.toml").write_text(f'[{table}]\n{name} = "{SECRET}"\n')
    with pytest.raises(UsageError) as caught:
        load_settings("plain", tmp_path, {}, {})
    said = "\n".join([caught.value.message, *caught.value.hints])
    assert f"`{table}.{name}` in `{tmp_path / 'trader.toml'}` line 2 looks like a secret" in said
    assert "take it out of the file" in said
    assert "`TRADER_API_KEY`" in said
    assert SECRET not in said
    assert "did you mean" not in said


def test_a_secret_beside_the_tables_on_the_command_line_or_in_a_variable_of_our_own_making_is_refused_too() -> None:
    assert "take it off the command line" in refused(venue__secret=SECRET)
    said = refused({"TRADER_KRAKEN_KEY": KEY})
    assert "`kraken_key` in environment `TRADER_KRAKEN_KEY` looks like a secret" in said
    assert "`venue.key_env` and `venue.secret_env` may name other variables" in said
    assert KEY not in said


def test_a_key_of_alpacas_in_the_file_is_sent_to_its_own_variables(tmp_path: Path) -> None:
    (tmp_path / "trader.toml").write_text(f'[fetch]\nalpaca_secret = "{SECRET}"\n')
    with pytest.raises(UsageError) as caught:
        load_settings("plain", tmp_path, {}, {})
    said = "\n".join([caught.value.message, *caught.value.hints])
    assert "`fetch.alpaca_key_env` and `fetch.alpaca_secret_env` name the variables that hold Alpaca's" in said
    assert SECRET not in said


def test_alpacas_key_and_secret_have_a_variable_each() -> None:
    said = refused(fetch__alpaca_key_env="ONE", fetch__alpaca_secret_env="ONE")  # noqa: S106
    assert said.startswith("`fetch.alpaca_key_env` and `fetch.alpaca_secret_env` both name `ONE`")


@pytest.mark.parametrize("key", ["venue.key_end", "venue.tier", "risk.max_positions", "monkey", "data.keys"])
def test_what_only_sounds_like_one_is_an_ordinary_key(key: str) -> None:
    assert not is_secret_name(key)


# The variables' names


@pytest.mark.parametrize("where", ["file", "environment", "flag"])
def test_variables_that_any_layer_names_are_no_unknown_keys(tmp_path: Path, where: str) -> None:
    env = {"TRADER_KRAKEN_KEY": KEY, "TRADER_KRAKEN_SECRET": SECRET}
    names = {"venue.key_env": "TRADER_KRAKEN_KEY", "venue.secret_env": "TRADER_KRAKEN_SECRET"}
    flags: dict[str, str] = {}
    if where == "file":
        (tmp_path / "trader.toml").write_text("\n".join(f'{key} = "{name}"' for key, name in names.items()))
    elif where == "environment":
        env |= {"TRADER_" + key.upper().replace(".", "__"): name for key, name in names.items()}
    else:
        flags = names
    settings = load_settings("plain", tmp_path, env, flags).settings
    key, secret = credentials(settings.venue, env, nothing_kept)
    assert (key.reveal(), secret.reveal()) == (KEY, SECRET)


@pytest.mark.parametrize("text", [KEY, "a-b", "1KEY", "TRADER KEY", "A" * 65, "abc"])
def test_what_is_no_name_of_a_variable_may_be_the_secret_and_is_not_repeated(text: str) -> None:
    said = refused(venue__key_env=text)
    assert said.startswith("`venue.key_env` is no name of a variable")
    assert f"`{text}`" not in said


@pytest.mark.parametrize("name", ["TRADER_RISK__MAX_POSITIONS", "TRADER_VENUE__ID", "TRADER_WALLETS__X__SHARE_PCT"])
def test_a_variable_that_states_a_setting_keeps_its_meaning(name: str) -> None:
    assert f"`venue.key_env` is `{name}`, which states a setting" in refused({name: "7"}, venue__key_env=name)


def test_key_and_secret_have_a_variable_each() -> None:
    said = refused(venue__key_env="ONE", venue__secret_env="ONE")  # noqa: S106
    assert said.startswith("`venue.key_env` and `venue.secret_env` both name `ONE`")


# Nothing prints them


@pytest.mark.parametrize(
    "words",
    [["show"], ["show", "--json"], ["explain", "venue.key_env"], ["explain", "venue.secret_env", "--json"], ["check"]],
)
def test_no_command_of_the_configuration_prints_key_or_secret(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("TRADER_API_KEY", KEY)
    monkeypatch.setenv("TRADER_API_SECRET", SECRET)
    assert run(["config", *words]) == 0
    said = capsys.readouterr()
    assert KEY not in said.out + said.err
    assert SECRET not in said.out + said.err


@pytest.mark.parametrize("words", [["show"], ["explain", "venue.key_env"], ["check"], ["explain", "venue.secret"]])
def test_a_secret_written_where_its_variables_name_belongs_is_not_printed_either(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    (home / "trader.toml").write_text(f'[venue]\nkey_env = "{KEY}"\nsecret = "{SECRET}"\n')
    run(["config", *words])
    said = capsys.readouterr()
    assert KEY not in said.out + said.err
    assert SECRET not in said.out + said.err


def test_what_the_layers_say_of_an_unknown_secret_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "trader.toml").write_text(f'[venue]\nsecret = "{SECRET}"\n')
    assert SECRET not in repr(stated(None, tmp_path, {}, {}))


# The address


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8765", "https://api.kraken.com", "http://[::1]:8765", "http://venue"]
)
def test_scheme_and_host_stand_in_for_the_venues(url: str) -> None:
    assert load(venue__api_url=url).venue.api_url == url


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:8765/", "it may hold no path"),
        ("https://api.kraken.com/0/public", "write `https://api.kraken.com`"),
        ("https://api.kraken.com?x=1", "it may hold no path"),
        ("ftp://api.kraken.com", "that is no http or https address"),
        ("127.0.0.1:8765", "that is no http or https address"),
        ("http://", "that is no http or https address"),
        ("http://a b", "that is no http or https address"),
        ("http://host:99999", "that is no http or https address"),
        ("http://[::1", "that is no http or https address"),
    ],
)
def test_what_is_no_address_is_refused_with_the_form(url: str, says: str) -> None:
    assert says in refused(venue__api_url=url)


@pytest.mark.parametrize("url", [f"https://me:{SECRET}@host", f"https://{SECRET}@host", f"https://me:{SECRET}@host/x"])
def test_an_address_with_credentials_is_refused_and_not_repeated(
    home: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert "`venue.api_url` holds a name or a password" in refused(venue__api_url=url)
    assert SECRET not in refused(venue__api_url=url)
    (home / "trader.toml").write_text(f'[venue]\napi_url = "{url}"\n')
    run(["config", "explain", "venue.api_url"])
    run(["config", "show"])
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
