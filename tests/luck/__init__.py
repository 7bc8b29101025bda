"""Does `validate` tell luck from skill? Rates over many seeds: `python -m tests.luck --seeds 200 --data FOLDER`.

Measured on seeds 0 to 199, each the best of 1,000 sets of demo_ma's parameters with 20 trades or more: of random walks 200 of
200 refused, of shuffled real days 200 of 200; of the planted edge (0.8 % a day up or down, turning every 60 days on average,
2 % a day of noise, a Sharpe ratio of 3.4 a year as found) 175 of 200 passed.
"""
