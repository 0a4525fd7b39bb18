#!/bin/bash
# docker-daemon.sh [/etc/docker/daemon.json]: Docker makes containers' cgroups itself, instead of leaving them to systemd; every other setting is kept.
# systemd writes a cgroup's list of allowed devices anew at each daemon-reload, and does not know of those that NVIDIA's runtime added: mandelboxes that run
# would lose their GPUs (NVIDIA/nvidia-container-toolkit, issue 48). Docker has to be restarted afterwards.
set -euo pipefail
python3 - "${1:-/etc/docker/daemon.json}" <<'PYTHON'
import json
import os
import sys

path = sys.argv[1]
settings = {}
if os.path.exists(path) and os.path.getsize(path) > 0:
    with open(path) as file:
        settings = json.load(file)
others = [option for option in settings.get("exec-opts", []) if not option.startswith("native.cgroupdriver=")]
settings["exec-opts"] = [*others, "native.cgroupdriver=cgroupfs"]
os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
with open(path + ".new", "w") as file:
    json.dump(settings, file, indent=4)
    file.write("\n")
os.replace(path + ".new", path)
PYTHON
