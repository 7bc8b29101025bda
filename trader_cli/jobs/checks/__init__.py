"""The checks of `validate`: one file a check, each a function of a bench."""
