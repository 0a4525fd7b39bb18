#!/bin/bash
# provision.sh: makes a host of the builder; run there as root by host.pkr.hcl, which sets the variables. /tmp/host-service has
# build/, deploy/ and mandelboxes/.
#   NVIDIA_DRIVER_SOURCE, NVIDIA_DRIVER_VERSION, NVIDIA_DRIVER_SHA256      as nvidia-driver.sh has them
#   IMAGES, IMAGES_COMMIT, REGISTRY, REGISTRY_USER, REGISTRY_PASSWORD      as images.sh has them
#   APP_ENV                                                                as webserver-unit.sh has it
#   FILEBEAT_PACKAGE, ECS_AGENT_PACKAGE, ECS_CLUSTER                       URLs of packages, empty for none; the cluster of the agent
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
deploy=/tmp/host-service/deploy
ami=$deploy/ami
packages=$(mktemp -d)
apt_install() { apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@"; }
apt_install_from() { # name, URL
  curl -fsSL -o "$packages/$1.deb" "$2"
  apt_install "$packages/$1.deb"
}

apt-get update -q
apt_install docker.io iptables apparmor rclone fuse3 curl gpg lsof jq tar lz4 openssl awscli dkms gcc make libc6-dev "linux-headers-$(uname -r)"

install -m 644 $ami/modprobe.conf /etc/modprobe.d/host-service.conf
update-initramfs -u
modprobe -r nouveau || true
bash $ami/nvidia-driver.sh

# Docker's runtime for containers that use the GPU, from NVIDIA's own repository.
keyring=/usr/share/keyrings/nvidia-container-toolkit.gpg
curl -fsSL https://nvidia.github.io/libnvidia-container/gpgkey | gpg --dearmor >$keyring
echo "deb [signed-by=$keyring] https://nvidia.github.io/libnvidia-container/stable/deb/amd64 /" >/etc/apt/sources.list.d/nvidia-container-toolkit.list
apt-get update -q
apt_install nvidia-container-toolkit
nvidia-ctk runtime configure --runtime=docker
bash $ami/docker-daemon.sh
systemctl restart docker
[ "$(docker info --format '{{.CgroupDriver}} {{.DefaultRuntime}}')" = 'cgroupfs nvidia' ] \
  || { echo 'provision.sh: nvidia is not the default runtime of Docker, or Docker leaves cgroups to systemd; see /etc/docker/daemon.json' >&2; exit 1; }

# Ubuntu's cloud kernel keeps uinput in a package of its own.
modprobe uinput 2>/dev/null || apt_install "linux-modules-extra-$(uname -r)"

# A host is replaced, not patched: an upgrade in the middle of somebody's session would restart Docker.
systemctl disable --now unattended-upgrades.service apt-daily.timer apt-daily-upgrade.timer

$deploy/install.sh install
# user-data.sh, or the webserver's user data, says which environment, then starts it.
systemctl disable host-service.service
bash $ami/webserver-unit.sh

install -D -m 600 $ami/filebeat/filebeat.yml /etc/filebeat/filebeat.yml
install -D -m 644 $ami/filebeat/host-service.conf /etc/systemd/system/filebeat.service.d/host-service.conf
if [ -n "$FILEBEAT_PACKAGE" ]; then
  apt_install_from filebeat "$FILEBEAT_PACKAGE"
  systemctl enable filebeat.service
fi

if [ -n "$ECS_AGENT_PACKAGE" ]; then
  bash $ami/ecs/install.sh
  apt_install_from ecs-agent "$ECS_AGENT_PACKAGE"
  systemctl enable ecs-nat.service
  # The host service starts it, once it takes the agent's calls.
  systemctl disable --now ecs.service
fi

bash $ami/images.sh
bash $ami/sandbox.sh

rm -rf /tmp/host-service "$packages" /var/lib/apt/lists/*
cloud-init clean --logs
