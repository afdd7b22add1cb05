"""From JSON messages to readings: as devices write them, and as EMQX's JT/T 808 gateway does; without any network."""
