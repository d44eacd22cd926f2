"""Write the bill of materials of what is installed (CycloneDX), and look for known vulnerabilities of all dependencies.

The versions looked up are those of constraints.txt, which images and checkouts install. Advisories come from PyPI, and
from OSV if PyPI does not answer. The exit status is 1 if a version has a known vulnerability, and 3 if a version could
not be looked up: nothing is said to be safe that was not asked for.

usage: python tests/audit.py TOOLS    (TOOLS: the bin directory in which pip-audit and cyclonedx-py are)
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BILL = ROOT / "build" / "sbom.json"
SERVICES = ("pypi", "osv")
NOT_ASKED = 3


def main(tools: Path) -> int:
    """Do both; return the exit status."""
    write_bill(tools)
    for service in SERVICES:
        found = advisories(tools, service)
        if found is None:
            print(f"NOT AUDITED by {service}: it cannot be reached from here")
            continue
        status = report(found, service)
        if status != NOT_ASKED:
            return status
    print("NOT AUDITED: no source of advisories could be reached; run `make audit` on a machine with internet")
    return NOT_ASKED


def write_bill(tools: Path) -> None:
    """Write the packages that are installed here, with versions and licences, to build/sbom.json."""
    BILL.parent.mkdir(exist_ok=True)
    command: list[str | Path] = [tools / "cyclonedx-py", "environment", "--output-reproducible"]
    command += ["--pyproject", ROOT / "pyproject.toml", "--output-file", BILL, sys.executable]
    subprocess.run(command, check=True)
    print(f"{BILL.relative_to(ROOT)}: {len(json.loads(BILL.read_text())['components'])} packages")


def advisories(tools: Path, service: str) -> list[dict[str, Any]] | None:
    """Return what a service says of each pinned version; None if it cannot be reached."""
    command: list[str | Path] = [tools / "pip-audit", "--requirement", ROOT / "constraints.txt", "--no-deps"]
    command += ["--disable-pip", "--format", "json", "--progress-spinner", "off", "--vulnerability-service", service]
    asked = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    # It ends with 1 for vulnerabilities, and for all errors.
    try:
        found: list[dict[str, Any]] = json.loads(asked.stdout)["dependencies"]
    except ValueError:
        return None
    return found


def report(found: list[dict[str, Any]], service: str) -> int:
    """Print vulnerabilities and what could not be looked up; return the exit status."""
    unknown = [each["name"] for each in found if "skip_reason" in each]
    vulnerable = [each for each in found if each.get("vulns")]
    for each in vulnerable:
        for one in each["vulns"]:
            fixed = ", ".join(one["fix_versions"]) or "no version"
            print(f"{each['name']} {each['version']}: {one['id']}, fixed in {fixed}")
    print(f"{service}: {len(found) - len(unknown)} of {len(found)} packages were looked up")
    if unknown:
        print(f"NOT AUDITED by {service}: {', '.join(unknown[:5])}{' …' if len(unknown) > 5 else ''}")
    return 1 if vulnerable else NOT_ASKED if unknown else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
