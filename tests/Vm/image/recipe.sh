# What the VM is made of. Sourced by build.sh; any change here or there makes a new image.
suite=bookworm
image_size=1400M

# The kernel with every driver (the cloud kernel has no uinput), systemd as init, the engine, and the little that the tests call.
packages=(
  linux-image-amd64 initramfs-tools zstd
  systemd systemd-sysv dbus udev kmod procps
  iproute2 iptables openssh-server
  docker.io apparmor busybox-static fuse3
  python3 curl ca-certificates
)

# Drivers for hardware that q35 does not have: left out, they would be most of the image and of the time to make it.
excluded_paths=(
  '/lib/modules/*/kernel/drivers/gpu/*'
  '/lib/modules/*/kernel/drivers/media/*'
  '/lib/modules/*/kernel/drivers/infiniband/*'
  '/lib/modules/*/kernel/drivers/iio/*'
  '/lib/modules/*/kernel/drivers/staging/*'
  '/lib/modules/*/kernel/drivers/scsi/*'
  '/lib/modules/*/kernel/drivers/isdn/*'
  '/lib/modules/*/kernel/drivers/net/wireless/*'
  '/lib/modules/*/kernel/drivers/net/ethernet/*'
  '/lib/modules/*/kernel/drivers/hwmon/*'
  '/lib/modules/*/kernel/drivers/usb/*'
  '/lib/modules/*/kernel/drivers/mtd/*'
  '/lib/modules/*/kernel/sound/*'
  '/lib/modules/*/kernel/fs/xfs/*'
  '/lib/modules/*/kernel/fs/btrfs/*'
  '/lib/modules/*/kernel/fs/ocfs2/*'
  '/usr/share/doc/*'
  '/usr/share/man/*'
  '/usr/share/info/*'
  '/usr/share/locale/*'
)

# All that the initrd needs to find the root file system; the rest is loaded by udev.
initrd_modules=(virtio_pci virtio_blk ext4 crc32c_generic)
