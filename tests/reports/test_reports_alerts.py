"""Messages by Apprise: to real HTTP here, and never a word of an address."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest
from listener import Listener

from trader_cli.errors import UsageError
from trader_cli.reports.alerts import Delivery, Message, addresses, named
from trader_cli.reports.alerts import tell as tell_each

PASSWORD = "s3cr3t-word"  # noqa: S105 a word to look for


def tell(where: list[str], title: str, text: str, limit_s: float = 30.0) -> Delivery:
    return tell_each([Message(name, one, title, text) for name, one in named(where).items()], limit_s)


@pytest.fixture(scope="module")
def hook() -> Iterator[Listener]:
    with Listener() as server:
        yield server


@pytest.mark.req("R2.8")
def test_a_message_comes_with_its_title_and_lines_as_they_are(hook: Listener) -> None:
    hook.got.clear()
    done = tell([f"json://{hook.at}/x"], "trader: 2 things to know", "halt: a < b & *c* _d_\nover: <b>")
    assert (done.taken, done.problems) == (("address 1 (json)",), ())
    (told,) = hook.got
    got = json.loads(told.body)
    assert got["title"] == "trader: 2 things to know"
    assert got["message"] == "halt: a < b & *c* _d_\nover: <b>"


@pytest.mark.req("R2.8")
def test_an_address_that_fails_keeps_nothing_from_the_next_and_is_never_shown(
    hook: Listener, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    hook.got.clear()
    done = tell(
        [
            f"json://me:{PASSWORD}@{hook.at}/refuse",
            f"nosuchthing://{PASSWORD}@x",
            PASSWORD,
            f"json://me:{PASSWORD}@127.0.0.1:9/",
            f"json://me:{PASSWORD}@{hook.at}/x",
        ],
        "title",
        "text",
    )
    assert done.taken == ("address 5 (json)",)
    assert len(hook.got) == 1
    assert done.problems == (
        "address 1 (json) took nothing",
        "address 2 (nosuchthing) is none that Apprise knows",
        "address 3 (no address) is none that Apprise knows",
        "address 4 (json) took nothing",
    )
    said = capfd.readouterr()
    assert PASSWORD not in said.out + said.err + caplog.text + repr(done)


@pytest.mark.req("R2.8")
def test_one_that_never_answers_holds_up_none_of_the_others_and_is_named(hook: Listener) -> None:
    with Listener() as hangs:
        hangs.status = 0
        hook.got.clear()
        done = tell([f"json://{hangs.at}/x", f"json://{hook.at}/x"], "title", "text", 3.0)
        assert done.taken == ("address 2 (json)",)
        assert done.problems == ("address 1 (json) did not answer within 3.0 s",)


@pytest.mark.parametrize(("text", "found"), [
    ("json://a", ["json://a"]),
    (" json://a, mailto://b:c@d\n tgram://e/f ", ["json://a", "mailto://b:c@d", "tgram://e/f"]),
    ("json://a,mailto://b", ["json://a", "mailto://b"]),
    ("mailto://a?to=b@c,d@e json://f", ["mailto://a?to=b@c,d@e", "json://f"]),
    ("", []),
    (" , ", []),
])  # fmt: skip
def test_addresses_stand_beside_each_other_with_anything_between(text: str, found: list[str]) -> None:
    assert addresses(text) == found


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(UsageError, match="apprise") as refused:
        tell(["json://x"], "a", "b")
    assert any("[notify]" in hint for hint in refused.value.hints)
