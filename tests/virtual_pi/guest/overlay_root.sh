#!/bin/sh
# Stands in for the package overlayroot, whose work is done in an initramfs, which this kernel has not:
# the card is read-only under a layer in memory. So is all else that fstab names, unless the kernel's
# parameter is overlayroot=tmpfs:recurse=0. Its paths and its fstab are as that package has them.
set -e
ro=/media/root-ro rw=/media/root-rw
mount -t proc proc /proc
case "$(cat /proc/cmdline)" in *overlayroot=tmpfs:recurse=0*) recurse=0 ;; *) recurse=1 ;; esac
umount /proc
mount -t tmpfs -o mode=0755 tmpfs-root $rw
mkdir $rw/overlay $rw/overlay-workdir $rw/overlay-workdir/_ $rw/new
mount -t overlay -o lowerdir=/,upperdir=$rw/overlay,workdir=$rw/overlay-workdir/_ overlayroot $rw/new
cd $rw/new
pivot_root . media/root-ro
cd /
mount --move $ro/$rw $rw
mount --move $ro/dev /dev
: >/etc/fstab
while read -r what place type options _; do
  case "$what:$place" in '#'* | : | *:/) continue ;; esac
  if [ $recurse = 0 ]; then
    echo "$what $place $type $options 0 0"
  else
    upper=$rw/overlay$place work=$rw/overlay-workdir$place
    mkdir -p $upper $work
    echo "$what $ro$place $type ro,$options 0 0"
    echo "$ro$place $place overlay lowerdir=$ro$place,upperdir=$upper,workdir=$work,x-systemd.requires-mounts-for=$ro$place 0 0"
  fi
done <$ro/etc/fstab >>/etc/fstab
exec /sbin/init </dev/console >/dev/console 2>&1
