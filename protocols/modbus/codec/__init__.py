"""From a profile to requests, and from bytes to frames, numbers and readings; without any network."""
