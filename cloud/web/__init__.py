"""Pages for people: the login and the overview."""
