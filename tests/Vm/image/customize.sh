#!/bin/bash
# customize.sh ROOT HERE: the settings inside the VM, below ROOT. Run by mmdebstrap.
set -euo pipefail
root=$1 here=$2

echo host-under-test >"$root/etc/hostname"
printf '127.0.0.1 localhost host-under-test\n' >"$root/etc/hosts"
printf '%s\n' '/dev/vda / ext4 rw,noatime 0 1' \
  'share /share 9p trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose,nofail 0 0' >"$root/etc/fstab"
mkdir -p "$root/share" "$root/root/.ssh"
chmod 700 "$root/root/.ssh"

# The key comes with the share at boot: the image is made once, a key for each run.
cat >"$root/etc/ssh/sshd_config.d/vm.conf" <<'CONF'
PermitRootLogin prohibit-password
PasswordAuthentication no
AuthorizedKeysFile /share/authorized_keys
StrictModes no
UseDNS no
MaxSessions 50
CONF
rm -f "$root"/etc/ssh/ssh_host_*
chroot "$root" ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key

# qemu's user network gives this address to everybody.
cat >"$root/etc/systemd/network/eth.network" <<'CONF'
[Match]
Name=eth0
[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
CONF
chroot "$root" systemctl -q enable systemd-networkd.service

# The address of EC2's metadata service, on loopback, with a server that insists on tokens.
cat >"$root/etc/systemd/network/lo.network" <<'CONF'
[Match]
Name=lo
[Network]
Address=169.254.169.254/32
CONF
install -m 755 "$here/metadata.py" "$root/usr/local/sbin/metadata"
cat >"$root/etc/systemd/system/metadata.service" <<'CONF'
[Unit]
Description=EC2 instance metadata, as far as the host service reads it
[Service]
ExecStart=/usr/local/sbin/metadata
Restart=on-failure
RestartSec=1
[Install]
WantedBy=multi-user.target
CONF

# Said on the console once everything that a test relies on is up.
cat >"$root/etc/systemd/system/say-ready.service" <<'CONF'
[Unit]
After=ssh.service docker.service metadata.service apparmor.service
[Service]
Type=oneshot
StandardOutput=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/echo the VM is ready
[Install]
WantedBy=multi-user.target
CONF
install -m 755 "$here/uinput-client.py" "$root/usr/local/bin/uinput-client"
chroot "$root" systemctl -q enable metadata.service ssh.service docker.service say-ready.service

# Emulated, every unit costs a second; none of these is under test.
for unit in systemd-timesyncd.service e2scrub_reap.service fstrim.timer apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
            e2scrub_all.timer systemd-networkd-wait-online.service getty@tty1.service serial-getty@ttyS0.service systemd-pstore.service; do
  chroot "$root" systemctl -q mask "$unit"
done
mkdir -p "$root/etc/docker"
printf '{"storage-driver": "overlay2", "ipv6": false, "log-driver": "json-file"}\n' >"$root/etc/docker/daemon.json"
printf 'overlay\nbr_netfilter\n' >"$root/etc/modules-load.d/vm.conf"
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\nForwardToConsole=no\n' >"$root/etc/systemd/journald.conf.d/vm.conf"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
