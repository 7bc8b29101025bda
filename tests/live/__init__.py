"""Live cycles against the local exchange: the whole path in process, one clock for both sides, so that nothing sleeps."""
