"""Entering a site and what follows from it; forgetting what no site knows."""
