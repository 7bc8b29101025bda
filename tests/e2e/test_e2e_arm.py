"""Leave to trade for real, as its owner gives it: by a phrase, for one thing only, and taken back at any time (R4.9)."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from account import HOLD, PHRASE
from program import Done, trader
from proof import failed, prove

from trader_cli.ledger import Ledger

KEY, SECRET = "kQ3vVbX9aUe7Zc1Lr0wT", "sN8yPd2hFm5Jg4WoKi6B"
ENV = {"TRADER_API_KEY": KEY, "TRADER_API_SECRET": SECRET}
TOML = '[venue]\nid = "kraken"\napi_url = "http://127.0.0.1:9"\n[data]\nsymbols = ["BTC/USD"]\n'


def call(home: Path, *words: str, **env: str) -> Done:
    done = trader(*words, home=home, XDG_STATE_HOME=str(home / "state"), **{**ENV, **env})
    assert KEY not in done.out + done.err
    assert SECRET not in done.out + done.err
    return done


def armings(home: Path) -> int:
    if not (home / "trader.db").exists():
        return 0
    ledger = Ledger.open("sqlite:///trader.db", home, create=False)
    with ledger.engine.connect() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM armings").scalar()
    ledger.close()
    assert count is not None
    return int(count)


@pytest.fixture
def ready(home: Path) -> Path:
    """A home with a venue, and a strategy that is deployed and passed its validation."""
    (home / "strategies").mkdir()
    (home / "strategies" / "hold.py").write_text(HOLD)
    (home / "trader.toml").write_text(TOML)
    assert trader("strategy", "deploy", "hold", home=home).code == 0
    prove(home)
    return home


@pytest.fixture
def unproved(home: Path) -> Path:
    """A home with a venue, and a deployed strategy that nobody validated."""
    (home / "strategies").mkdir()
    (home / "strategies" / "hold.py").write_text(HOLD)
    (home / "trader.toml").write_text(TOML)
    assert trader("strategy", "deploy", "hold", home=home).code == 0
    return home


@pytest.mark.req("R4.9")
def test_the_phrase_arms_for_exactly_what_is_shown_and_neither_key_nor_secret_is_kept(ready: Path) -> None:
    done = call(ready, "live", "arm", "--confirm", PHRASE, "--json")
    assert done.code == 0
    told = done.json["result"]
    assert told["venue"] == "kraken"
    assert told["symbols"] == ["BTC/USD"]
    assert (told["cash"], told["largest_position"]) == ("500 USD", "150 USD")
    assert [one["strategy"] for one in told["strategies"]] == ["hold"]
    assert told["limits"]["risk.max_positions"] == "3"
    for one in ready.rglob("*"):
        if one.is_file():
            assert KEY.encode() not in one.read_bytes()
            assert SECRET.encode() not in one.read_bytes()
    assert trader("ledger", "verify", home=ready).code == 0
    # Armed, it gets as far as the venue, which is not there.
    assert call(ready, "live", "--once").code == 5


@pytest.mark.req("R4.9")
@pytest.mark.parametrize("words", ["yes i am sure", "YES I AM SURE ", "YES", "", "YES I AM SURE."])
def test_any_other_words_arm_nothing(ready: Path, words: str) -> None:
    done = call(ready, "live", "arm", "--confirm", words)
    assert done.code == 6
    assert "nothing was armed" in done.err
    assert armings(ready) == 0


def typed(home: Path, text: str) -> tuple[int, str]:
    """Type a line at the terminal that the program asks on; return its exit code and what it wrote to stderr."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "trader_cli", "live", "arm"],
        env={**os.environ, **ENV, "TRADER_HOME": str(home)}, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, text.encode())
    _, err = process.communicate(timeout=60)
    os.close(ours)
    return process.returncode, err


@pytest.mark.req("R4.9")
def test_typed_at_a_terminal_it_is_shown_first_what_is_agreed_to(ready: Path) -> None:
    code, err = typed(ready, "yes\n")
    assert code == 6
    assert armings(ready) == 0
    assert err.index("largest position  150 USD") < err.index("Type YES I AM SURE") < err.index("nothing was armed")
    assert typed(ready, f"{PHRASE}\n")[0] == 0
    assert armings(ready) == 1


def test_without_a_terminal_and_without_the_option_it_says_how(ready: Path) -> None:
    done = call(ready, "live", "arm")
    assert done.code == 2
    assert 'hint: give it: `--confirm "YES I AM SURE"`' in done.err
    assert armings(ready) == 0


@pytest.mark.req("R4.9")
def test_not_armed_expired_changed_or_taken_back_it_places_nothing(ready: Path) -> None:
    refused = call(ready, "live", "--once")
    assert refused.code == 6
    assert "is not armed, nothing is placed" in refused.err
    assert call(ready, "live", "arm", "--confirm", PHRASE, "--days", "1").code == 0
    changed = call(ready, "live", "--once", "--set", "risk.max_positions=5")
    assert changed.code == 6
    assert "`risk.max_positions` was 3 and is 5" in changed.err
    other_key = call(ready, "live", "--once", TRADER_API_KEY="another")
    assert (other_key.code, "is not armed" in other_key.err) == (6, True)
    assert trader("strategy", "deploy", "demo_ma", home=ready).code == 0
    assert "the strategies changed: `demo_ma` is new" in call(ready, "live", "--once").err
    assert trader("strategy", "retire", "demo_ma", home=ready).code == 0
    assert call(ready, "live", "--once").code == 5
    assert "disarmed" in call(ready, "live", "disarm", "--reason", "holidays").out
    assert call(ready, "live", "--once").code == 6
    again = call(ready, "live", "disarm")
    assert (again.code, again.out) == (0, "nothing to disarm: `trader live` was not armed\n")


@pytest.mark.req("R4.9")
def test_code_that_changed_since_it_was_deployed_is_not_armed_and_voids_what_was(ready: Path) -> None:
    assert call(ready, "live", "arm", "--confirm", PHRASE).code == 0
    (ready / "strategies" / "hold.py").write_text(HOLD + "# another thought\n")
    refused = call(ready, "live", "--once")
    assert refused.code == 6
    assert "the strategies changed: `hold` or the program has other code" in refused.err
    armed = call(ready, "live", "arm", "--confirm", PHRASE)
    assert armed.code == 3
    assert "`hold` or the program changed since the deployment, nothing was armed" in armed.err


@pytest.mark.parametrize(
    ("words", "env", "code", "says"),
    [
        (["--set", "venue.id="], {}, 2, "no venue is configured"),
        (["--set", "data.symbols="], {}, 2, "no symbols are stated"),
        ([], {"TRADER_API_KEY": ""}, 2, "`TRADER_API_KEY` is neither in the environment"),
    ],
)
def test_without_venue_symbols_or_key_there_is_nothing_to_arm(
    ready: Path, words: list[str], env: dict[str, str], code: int, says: str
) -> None:
    done = call(ready, "live", "arm", "--confirm", PHRASE, *words, **env)
    assert (done.code, says in done.err) == (code, True)
    assert armings(ready) == 0


@pytest.mark.req("R4.11")
def test_without_a_deployed_strategy_nothing_is_armed_and_nothing_runs(home: Path) -> None:
    (home / "trader.toml").write_text(TOML)
    for words in (["arm", "--confirm", PHRASE], ["--once"]):
        done = call(home, "live", *words)
        assert done.code == 3
        assert "no strategy is deployed" in done.err
        assert "hint: deploy one: `trader strategy deploy momentum`" in done.err


@pytest.mark.req("X3")
@pytest.mark.req("R4.9")
def test_what_validation_did_not_pass_is_armed_only_in_spite_of_it_and_every_report_says_so(unproved: Path) -> None:
    refused = call(unproved, "live", "arm", "--confirm", PHRASE)
    assert refused.code == 6
    assert "`hold` was never validated; nothing was armed" in refused.err
    assert "hint: validate it: `trader validate hold`" in refused.err
    assert "hint: or arm it nevertheless: `--allow-unvalidated`" in refused.err
    assert armings(unproved) == 0
    done = call(unproved, "live", "arm", "--allow-unvalidated", "--confirm", PHRASE, "--json")
    assert done.code == 0
    assert done.json["result"]["unvalidated"] == [{"strategy": "hold", "reason": "was never validated"}]
    ledger = Ledger.open("sqlite:///trader.db", unproved, create=False)
    with ledger.engine.connect() as connection:
        query = "SELECT kind, message FROM system_events ORDER BY id DESC LIMIT 1"
        event = connection.exec_driver_sql(query).fetchone()
    ledger.close()
    assert event is not None
    assert tuple(event) == ("unvalidated", "armed without validation: hold (was never validated)")
    # It gets as far as the venue, which is not there.
    assert call(unproved, "live", "--once").code == 5
    # A verdict that is bad news is more than none.
    prove(unproved, checks=failed("luck", "costs"))
    again = call(unproved, "live", "--once")
    assert again.code == 6
    assert "`hold` failed its validation of " in again.err
    assert "`luck`, `costs`; nothing is placed" in again.err


@pytest.mark.deep
@pytest.mark.req("X3")
def test_strategies_are_listed_and_shown_with_what_validation_says(unproved: Path) -> None:
    def told() -> tuple[str, str]:
        rows = trader("strategy", "list", "--json", home=unproved).json["result"]["strategies"]
        (listed,) = [row["validation"] for row in rows if row["name"] == "hold"]
        shown = trader("strategy", "show", "hold", "--json", home=unproved).json["result"]["validation"]
        assert shown == listed
        return listed["status"], listed["reason"]

    assert told() == ("unvalidated", "was never validated")
    prove(unproved)
    assert told() == ("PASS", "")
    shown = trader("strategy", "show", "hold", home=unproved).out
    assert "validation: PASS 20" in shown
    (unproved / "strategies" / "hold.py").write_text(HOLD + "# another thought\n")
    status, reason = told()
    assert (status, "with other code" in reason) == ("void", True)
    (unproved / "strategies" / "hold.py").write_text(HOLD)
    prove(unproved, checks=failed("luck"))
    status, reason = told()
    assert (status, reason.endswith(": `luck`")) == ("FAIL", True)
    assert "note: `hold` failed its validation" in trader("strategy", "list", home=unproved).out
