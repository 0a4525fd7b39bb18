#!/bin/bash
# What the AMI holds, run as root on the builder by host.pkr.hcl; /tmp/host-service has build/ and deploy/. NVIDIA_DRIVER: which one; IMAGES, REGISTRY,
# REGISTRY_USER, REGISTRY_PASSWORD: as images.sh has them.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
ami=/tmp/host-service/deploy/ami
apt_install() { apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"; }

apt-get update -q
apt_install docker.io iptables apparmor rclone fuse3 liblz4-1 curl gpg "linux-headers-$(uname -r)" \
  "nvidia-headless-$NVIDIA_DRIVER" "nvidia-utils-$NVIDIA_DRIVER" "libnvidia-encode-$NVIDIA_DRIVER" nvidia-modprobe

# Docker's runtime for containers that use the GPU, from NVIDIA's own repository.
keyring=/usr/share/keyrings/nvidia-container-toolkit.gpg
curl -fsSL https://nvidia.github.io/libnvidia-container/gpgkey | gpg --dearmor >$keyring
echo "deb [signed-by=$keyring] https://nvidia.github.io/libnvidia-container/stable/deb/amd64 /" >/etc/apt/sources.list.d/nvidia-container-toolkit.list
apt-get update -q
apt_install nvidia-container-toolkit
nvidia-ctk runtime configure --runtime=docker
bash $ami/docker-daemon.sh
systemctl restart docker
[[ $(docker info --format '{{.CgroupDriver}} {{range $name, $_ := .Runtimes}}{{$name}} {{end}}') =~ ^cgroupfs\ .*nvidia\  ]] \
  || { echo 'provision.sh: Docker has no runtime nvidia, or leaves cgroups to systemd; see /etc/docker/daemon.json' >&2; exit 1; }

# Ubuntu's cloud kernel keeps uinput in a package of its own.
modprobe uinput 2>/dev/null || apt_install "linux-modules-extra-$(uname -r)"

# A host is replaced, not patched: an upgrade in the middle of somebody's session would restart Docker.
systemctl disable --now unattended-upgrades.service apt-daily.timer apt-daily-upgrade.timer

/tmp/host-service/deploy/install.sh install
# user-data.sh says which environment, then starts it.
systemctl disable host-service.service

bash $ami/images.sh

rm -rf /tmp/host-service /var/lib/apt/lists/*
cloud-init clean --logs
