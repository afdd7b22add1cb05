"""What edge, cloud and simulators promised each other; no network, no database."""
