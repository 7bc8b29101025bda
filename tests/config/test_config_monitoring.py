"""What the configuration says of figures, alerts and faults: no setting holds a secret, and none of it voids an arming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trader_cli.config.layers import load_settings
from trader_cli.config.secrets import hidden, secret_of
from trader_cli.errors import UsageError
from trader_cli.wiring import Wiring

PASSWORD = "s3cr3t-word"  # noqa: S105 a word to look for


def load(env: dict[str, str] | None = None, **flags: Any) -> Any:
    stated = {key.replace("__", "."): value for key, value in flags.items()}
    return load_settings("plain", Path("/nowhere"), env or {}, stated).settings


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:9091", "https://gateway.example/push/", "http://[::1]:9091"])
def test_a_gateway_has_an_http_address_with_or_without_a_path(url: str) -> None:
    assert load(metrics__push_url=url).metrics.push_url == url


@pytest.mark.parametrize("url", [
    f"http://me:{PASSWORD}@gateway.example", f"http://{PASSWORD}@gateway.example", "gateway.example:9091", "ftp://x", "http://",
    "http://a b", "http://[", f"//{PASSWORD}@x",
])  # fmt: skip
def test_another_address_is_refused_and_a_password_in_it_not_shown(url: str) -> None:
    with pytest.raises(UsageError, match="push_url") as refused:
        load(metrics__push_url=url)
    assert PASSWORD not in str(refused.value)
    assert PASSWORD not in "".join(refused.value.hints)
    assert PASSWORD not in hidden("metrics.push_url", url)


@pytest.mark.parametrize("key", ["alerts.urls_env", "sentry.dsn_env"])
@pytest.mark.parametrize("value", [f"json://me:{PASSWORD}@x", PASSWORD, "TRADER_RISK__STOP_PCT", "a_name"])
def test_where_the_name_of_a_variable_belongs_no_secret_is_taken_or_repeated(key: str, value: str) -> None:
    with pytest.raises(UsageError, match=key.replace(".", r"\.")) as refused:
        load_settings("plain", Path("/nowhere"), {}, {key: value})
    assert PASSWORD not in str(refused.value) + "".join(refused.value.hints)
    if PASSWORD in value:
        assert hidden(key, value) == "***"


def test_variables_that_hold_addresses_state_no_setting() -> None:
    env = {"TRADER_ALERT_URLS": "json://x", "TRADER_OTHER_URLS": "json://y", "TRADER_DSN": "z"}
    found = load(env, alerts__urls_env="TRADER_OTHER_URLS", sentry__dsn_env="TRADER_DSN")
    assert (found.alerts.urls_env, found.sentry.dsn_env) == ("TRADER_OTHER_URLS", "TRADER_DSN")
    with pytest.raises(UsageError, match="in environment `TRADER_DSN`"):
        load(env)


@pytest.mark.parametrize(("environ", "kept", "found"), [
    ({"A": " one "}, {}, "one"), ({}, {"A": "two"}, "two"), ({"A": "one"}, {"A": "two"}, "one"), ({"A": " "}, {}, None),
    ({"A": ""}, {"A": "two"}, "two"), ({}, {}, None),
])  # fmt: skip
def test_a_secret_is_the_environments_else_the_keyrings(
    environ: dict[str, str], kept: dict[str, str], found: str | None
) -> None:
    secret = secret_of("A", environ, lambda _, name: kept.get(name))
    assert (None if secret is None else secret.reveal()) == found
    assert secret is None or repr(secret) == "Secret(***)"


@pytest.mark.req("R2.8")
def test_who_is_told_of_what_voids_no_arming(tmp_path: Path) -> None:
    def digest(**flags: Any) -> str:
        return (
            Wiring(tmp_path, None, {key.replace("__", "."): value for key, value in flags.items()})
            .terms([])
            .config_digest
        )

    before = digest()
    for flags in (
        {"metrics__file": "x.prom"},
        {"metrics__push_url": "http://127.0.0.1:9091"},
        {"alerts__muted": "halt"},
        {"alerts__repeat_h": "1"},
        {"sentry__enabled": "false"},
    ):
        assert digest(**flags) == before
    assert digest(risk__stop_pct="3") != before
