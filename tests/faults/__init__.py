"""Law 3: every commit and every request of live cycles is killed or fails in turn, and nothing is lost, doubled or unexplained.

`python -m tests.faults --venue both` runs the whole sweep, `--pairs N` a seeded sample of two faults in a row, `--one POINT` a
single one with everything it did; `pytest -m faults tests/faults` is the same in the suite, and a slice of it runs always.

The program is its real self: a process of its own for every cycle, started with arguments and environment as cron would, with
real ccxt over real HTTP against the exchange of `tests/exchange`, killed with SIGKILL. So that a thousand cycles take minutes,
a process that has imported everything (`zygote`) is forked for each instead of starting Python anew, and the program's clock
and its sleep are the exchange's (`rim`): a deadline of five seconds costs none. `scenario` is what is traded, `points` what can
go wrong, `world` one venue with one home and the way back to the moment before a cycle, `auditor` the judge: it knows nothing
of the program's code and compares the exchange's own record with the ledger's tables.
"""
