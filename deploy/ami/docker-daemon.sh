#!/bin/bash
# docker-daemon.sh [/etc/docker/daemon.json]: two settings of Docker; every other setting is kept. Docker has to be restarted afterwards.
#
# native.cgroupdriver=cgroupfs: Docker makes containers' cgroups itself. With the driver "systemd", each daemon-reload writes a cgroup's list of allowed devices
# anew, without those that NVIDIA's runtime added: running mandelboxes lose their GPUs (NVIDIA/nvidia-container-toolkit, issue 48).
# default-runtime: nvidia, if Docker has that runtime (nvidia-ctk runtime configure adds it). Containers that ask for no runtime get the GPUs, too.
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
if "nvidia" in settings.get("runtimes", {}):
    settings["default-runtime"] = "nvidia"
os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
with open(path + ".new", "w") as file:
    json.dump(settings, file, indent=4)
    file.write("\n")
os.replace(path + ".new", path)
PYTHON
