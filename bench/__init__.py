"""Speed, measured with the real processes: `make bench` prints one JSON line a figure. Not in the wheel."""
