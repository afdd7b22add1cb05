"""Whom a site has: the site as it was entered, its compounds, institutions and what they are divided by."""
