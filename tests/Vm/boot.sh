#!/bin/bash
# boot.sh IMAGE SHARE PORT: runs the VM, its console on standard output, until standard input is closed: so it ends with whoever started it.
# The disk stays as it was made; SHARE is /share inside; PORT on loopback is the VM's ssh; the VM itself reaches nothing outside.
# Emulated, because /dev/kvm may be there and not work; VM_ACCEL=kvm where it is known to.
set -euo pipefail
image=$1 share=$2 port=$3
exec 3<&0

nice -n "${VM_NICE:-0}" qemu-system-x86_64 \
  -machine q35 -accel "${VM_ACCEL:-tcg,thread=multi}" -cpu max -smp 2 -m "${VM_MEMORY:-1536}" \
  -kernel "$image/vmlinuz" -initrd "$image/initrd.img" \
  -append 'root=/dev/vda rw console=ttyS0 quiet panic=-1 apparmor=1 security=apparmor net.ifnames=0 mitigations=off audit=0 nowatchdog' \
  -drive "file=$image/root.img,format=raw,if=virtio,snapshot=on,cache=unsafe" \
  -netdev "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$port-:22" -device virtio-net-pci,netdev=net,romfile= \
  -virtfs "local,path=$share,mount_tag=share,security_model=none,readonly=on,multidevs=remap" \
  -device virtio-rng-pci -nodefaults -display none -no-reboot -serial stdio 3<&- </dev/null &
vm=$!
cat <&3 >/dev/null &
watch=$!

wait -n "$vm" "$watch" || true
kill "$vm" "$watch" 2>/dev/null || true
wait "$vm" 2>/dev/null || true
