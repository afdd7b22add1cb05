"""What the wall shows, in one answer and as it changes."""
