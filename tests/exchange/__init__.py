"""A local exchange that speaks Kraken's and Binance's spot REST, judges what it is asked and breaks on demand.

In the process of a test:

    from exchange import ExchangeServer

    with ExchangeServer(balances={"kraken": {"USD": 10000}}) as server:
        trader = server.ccxt("kraken")                                  # real ccxt, real HTTP, keys set, limits off
        server.fault(path="AddOrder", kind="drop", acts=True)           # the next placement acts and answers nothing
        ...
        server.do("price", symbol="BTC/USD", price="48000")             # stops trigger, resting limits fill
        assert all(len(ids) == 1 for ids in server.accepted().values()) # one accepted order per client id
        assert server.audit() == []                                     # balances = deposits + trades - fees

In a process of its own (for clients that are killed): `with running("--state", file) as remote:` gives the same `do`,
`fault`, `accepted`, `requests` and `audit` over HTTP; by hand `python -m tests.exchange --port 0` prints its port.

Point ccxt at `server.url` by replacing scheme and host in `urls["api"]` (paths stay); keys are KRAKEN_KEY … below. Control over
HTTP: POST /control/<operation> with its values as JSON, e.g. /control/clock {"advance_ms": 60000}; control.py lists the
operations, faults.Rule the faults, listing.py the markets. Time is the machine's unless `now_ms` freezes it or
`do("clock", …)` moves it; prices stand unless set, loaded (`do("candles", …)`) or told to `do("wander")`.
"""

from .binance import KEY as BINANCE_KEY
from .binance import SECRET as BINANCE_SECRET
from .faults import Rule
from .kraken import KEY as KRAKEN_KEY
from .kraken import SECRET as KRAKEN_SECRET
from .listing import Listing
from .remote import Remote, running
from .server import ExchangeServer

__all__ = [
    "BINANCE_KEY",
    "BINANCE_SECRET",
    "KRAKEN_KEY",
    "KRAKEN_SECRET",
    "ExchangeServer",
    "Listing",
    "Remote",
    "Rule",
    "running",
]
