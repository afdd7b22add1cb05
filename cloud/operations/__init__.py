"""What devices are told to do."""
