"""The nouns every room speaks: timeframe, instrument, bars, fills. Standard library and numpy only."""
