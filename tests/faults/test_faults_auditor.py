"""The judge of the sweep sees what it is there for: each of these is done behind the program's back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .scenario import world_of
from .sweep import judge, play
from .world import World


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Any]]:
    with world_of("binance", tmp_path_factory.mktemp("judge")) as world:
        play(world, bars=1)
        yield world, world.keep("judged")


def _own(world: World, kind: str) -> Any:
    orders = world.server.venues[world.venue].orders.values()
    return next(one for one in orders if one.draft.kind == kind and not one.draft.foreign)


def _second(world: World) -> None:
    stop = _own(world, "stop")
    world.server.journal.tell("accepted", venue=world.venue, order="2", client_id=stop.draft.client_id, foreign=False)


def _unknown(world: World) -> None:
    venue = world.server.venues[world.venue]
    name = world.server.do("order", symbol="ETH/USDT", side="buy", quantity="0.01", kind="limit", price="2000")
    order = venue.orders[name]
    object.__setattr__(order.draft, "foreign", False)
    object.__setattr__(order.draft, "client_id", "7adec0de-0000-4000-8000-000000000000")
    world.server.journal.tell("accepted", venue=world.venue, order=name, client_id=order.draft.client_id, foreign=False)


def _filled(world: World) -> None:
    world.server.do("fill", order=_own(world, "stop").id, quantity="0.0005")


def _cancelled(world: World) -> None:
    world.server.do("cancel", order=_own(world, "stop").id)


def _deposited(world: World) -> None:
    world.server.do("deposit", asset="USDT", amount="0.00000001")


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (_second, "DOUBLED: "),
        (_unknown, "LOST: the venue took 7adec0de-0000"),
        (_filled, "LOST: the venue's trade"),
        (_cancelled, "UNPROTECTED: "),
        (_deposited, "UNEXPLAINED: +0.00000001 USDT"),
    ],
)
def test_the_judge_sees(traded: tuple[World, Any], done: Callable[[World], None], said: str) -> None:
    world, kept = traded
    world.put_back(kept)
    assert judge(world) == []
    done(world)
    assert any(line.startswith(said) for line in judge(world))
