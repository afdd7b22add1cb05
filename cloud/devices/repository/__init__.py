"""What is kept of devices in SQL, for those who write it; each function works on the caller's connection."""
