#!/bin/sh
# nvidia-devices.sh: loads NVIDIA's kernel modules and makes the device nodes of every GPU. Does nothing where nvidia-modprobe is not installed (the
# distribution then sees to it), and nothing that a machine without a GPU would mind.
set -u
command -v nvidia-modprobe >/dev/null || exit 0

# 255 is the node that all GPUs share, /dev/nvidiactl.
if ! nvidia-modprobe -c 255 -c 0; then
  echo "NVIDIA's module could not be loaded: there is no GPU, or no driver for this kernel" >&2
  exit 0
fi
for gpu in "${NVIDIA_PROC:-/proc/driver/nvidia}"/gpus/*/information; do
  minor=$(sed -n 's/^Device Minor:[[:space:]]*//p' "$gpu" 2>/dev/null)
  [ -z "$minor" ] || nvidia-modprobe -c "$minor"
done

# With -u the nodes are those of unified memory, and 0 is the first of the two.
nvidia-modprobe -u -c 0
