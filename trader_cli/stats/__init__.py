"""Arrays in, numbers out: what a run earned, what it risked, and against what."""
