"""The simulated world: everything a function of (seed, time) and of what was written to it."""
