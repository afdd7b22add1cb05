"""The dashboards, one a file; each gives its panels and variables for a site in a language."""
