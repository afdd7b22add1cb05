"""The parts of a running system as processes: broker, simulators, gateways, cloud; for the demo and for tests."""
