"""Entering a site and what follows from it; clocks that were wrong; forgetting what nobody needs."""
