"""From the broker to the stores: decode, write telemetry, commit what was touched, then acknowledge."""
