#!/usr/bin/env python3
"""Prints the software bill of materials of build/host-service: CycloneDX 1.6, made of the lock files of the projects that are published.

The same commit and runtime give the same text: it has no time and no random number.
"""
import base64
import glob
import json
import os
import re
import subprocess
import sys

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
if not os.access("build/host-service", os.X_OK):
    sys.exit('there is no build/host-service; run "make build" first')

line = subprocess.run(["build/host-service", "version"], check=True, capture_output=True, text=True).stdout
version, runtime = re.match(r"host-service (\S+).* on \.NET ([^,]+),", line).groups()

# Analyzers work while the code is compiled, and are no part of the binary.
with open("Directory.Packages.props", encoding="utf-8") as file:
    analyzers = set(re.findall(r'<GlobalPackageReference Include="([^"]+)"', file.read()))

packages = {}
for path in sorted(glob.glob("src/*/packages.lock.json")):
    with open(path, encoding="utf-8") as file:
        for target in json.load(file)["dependencies"].values():
            for name, package in target.items():
                if package["type"] != "Project" and name not in analyzers:
                    known = packages.setdefault((name, package["resolved"]), {"contentHash": package["contentHash"], "dependencies": set()})
                    known["dependencies"].update(package.get("dependencies", {}))

resolved = {}
for name, number in packages:
    resolved.setdefault(name.lower(), []).append(f"pkg:nuget/{name}@{number}")

components = [
    {
        "type": "library",
        "bom-ref": f"pkg:nuget/{name}@{number}",
        "name": name,
        "version": number,
        "purl": f"pkg:nuget/{name}@{number}",
        "hashes": [{"alg": "SHA-512", "content": base64.b64decode(package["contentHash"]).hex()}],
    }
    for (name, number), package in sorted(packages.items())
]

# The runtime is inside the binary, and in no lock file.
frameworks = [
    {"type": "framework", "bom-ref": f"pkg:nuget/{name}@{runtime}", "name": name, "version": runtime, "purl": f"pkg:nuget/{name}@{runtime}"}
    for name in ("Microsoft.AspNetCore.App.Runtime.linux-x64", "Microsoft.NETCore.App.Runtime.linux-x64")
]

dependencies = [
    {
        "ref": f"pkg:nuget/{name}@{number}",
        "dependsOn": sorted({ref for other in package["dependencies"] for ref in resolved.get(other.lower(), [])}),
    }
    for (name, number), package in sorted(packages.items())
]
service = f"pkg:generic/host-service@{version}"
json.dump(
    {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": service, "name": "host-service", "version": version, "purl": service},
        },
        "components": frameworks + components,
        "dependencies": [{"ref": service, "dependsOn": sorted(c["bom-ref"] for c in frameworks + components)}] + dependencies,
    },
    sys.stdout,
    indent=2,
)
print()
