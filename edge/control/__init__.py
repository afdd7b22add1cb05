"""Orders from the cloud, carried out within the profile's limits and read back."""
