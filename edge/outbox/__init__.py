"""Everything read is on disk here before it is sent, and stays until the cloud has stored it."""
