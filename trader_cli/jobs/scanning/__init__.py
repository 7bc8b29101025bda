"""The parts of a scan: what was measured, what is filtered, what is wanted, and how it is ranked."""
