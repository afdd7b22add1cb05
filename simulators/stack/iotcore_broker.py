"""Run the pip-installable broker with a configuration file until it is told to stop."""

from __future__ import annotations

import signal
import sys

from iotcore.iotcore import IotCoreBroker


def main() -> None:
    """`python -m simulators.stack.iotcore_broker FILE`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # the broker has no way to stop; it holds nothing that a stop could lose
    IotCoreBroker(config_path=sys.argv[1]).run_forever()


if __name__ == "__main__":
    main()
