#!/bin/bash
# boot.sh IMAGE SHARE PORT LOG: becomes qemu. The disk is left as it was made; SHARE is /share inside; PORT on loopback is the VM's ssh;
# the VM reaches nothing outside itself. Emulated, because /dev/kvm may be there and not work; VM_ACCEL=kvm where it is known to.
set -euo pipefail
image=$1 share=$2 port=$3 log=$4
exec qemu-system-x86_64 \
  -machine q35 -accel "${VM_ACCEL:-tcg,thread=multi}" -cpu max -smp "${VM_CPUS:-2}" -m "${VM_MEMORY:-1536}" \
  -kernel "$image/vmlinuz" -initrd "$image/initrd.img" \
  -append "root=/dev/vda rw console=ttyS0 quiet panic=-1 apparmor=1 security=apparmor net.ifnames=0 mitigations=off audit=0 systemd.show_status=1 nowatchdog" \
  -drive "file=$image/root.img,format=raw,if=virtio,snapshot=on,cache=unsafe" \
  -netdev "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$port-:22" -device virtio-net-pci,netdev=net,romfile= \
  -virtfs "local,path=$share,mount_tag=share,security_model=none,readonly=on,multidevs=remap" \
  -device virtio-rng-pci -nodefaults -display none -no-reboot -serial "file:$log"
