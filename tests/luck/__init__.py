"""Does `validate` tell luck from skill? Rates over many seeds: `python -m tests.luck --seeds 200`."""
