#!/bin/sh
# The board: pins as a Pi 4 has them, and a /proc/cpuinfo that says so; gpiozero asks for both.
set -e
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
chip=/sys/kernel/config/gpio-sim/pi
mkdir -p $chip/bank0
echo 54 >$chip/bank0/num_lines
echo pinctrl-bcm2711 >$chip/bank0/label
for number in $(seq 2 27); do
  mkdir $chip/bank0/line$number
  echo GPIO$number >$chip/bank0/line$number/name
done
echo 1 >$chip/live
ln -sfn /sys/devices/platform/$(cat $chip/dev_name)/$(cat $chip/bank0/chip_name) /run/pins
{
  grep -viE '^(revision|hardware|serial)' /proc/cpuinfo || true
  printf '\nHardware\t: BCM2835\nRevision\t: c03111\nSerial\t\t: 100000000000f00d\nModel\t\t: Raspberry Pi 4 Model B Rev 1.1\n'
} >/run/cpuinfo
chmod 644 /run/cpuinfo
mount --bind /run/cpuinfo /proc/cpuinfo
udevadm settle
# picamera2 asks for the Pi's own heap by name.
ln -sf system /dev/dma_heap/linux,cma
# What the camera sees; whoever wants it to see something else puts it there before it is opened.
mkdir -p /srv/camera
