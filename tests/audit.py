"""Asks whether a package that is installed here has a known vulnerability, where the service that knows answers; part of `make lint`.

Ends with 1 where one has and a version without it is there. Where the service does not answer, or does not know packages, that is said:
a machine without the internet can be worked on.
"""

from __future__ import annotations

import json
import subprocess
import sys

_SECONDS = 300


def main() -> int:
    """Print what was found, in lines."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--skip-editable"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        packages = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError):
        sys.stdout.write("packages were not audited: the service that knows vulnerabilities does not answer\n")
        return 0
    unknown = [one["name"] for one in packages if "skip_reason" in one]
    faults = [(one, fault) for one in packages for fault in one.get("vulns", ()) if fault["fix_versions"]]
    for one, fault in faults:
        sys.stdout.write(f"{one['name']} {one['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions'])}\n")
    audited = len(packages) - len(unknown)
    sys.stdout.write(f"{audited} packages audited, {len(unknown)} not known to the service, {len(faults)} vulnerabilities\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
