"""The virtual machine's first file system: busybox, modules of the kernel and an init of our own, as a cpio archive.

The init mounts this machine's root below an overlay, and then serves commands on the second serial port.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from arm_ci.guests import initrd

_INIT = """\
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /lower /disk /all
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
. /settings
while read -r module; do insmod "/modules/$module"; done </modules/order
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose share0 /lower
mount -t ext4 -o noatime /dev/vda /disk
mkdir /disk/upper /disk/work
mount -t overlay -o lowerdir=/lower,upperdir=/disk/upper,workdir=/disk/work all /all
number=0
for share in $GUEST_SHARES; do
  number=$((number + 1))
  mkdir -p "/all$share"
  mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=524288,cache=none "share$number" "/all$share"
done
if [ "$GUEST_ZRAM" -gt 0 ]; then
  echo "${GUEST_ZRAM}M" >/sys/block/zram0/disksize
  mkswap /dev/zram0
  swapon /dev/zram0
fi
if [ "$GUEST_SWAP" -gt 0 ]; then
  mkswap /dev/vdb
  swapon /dev/vdb
fi
for place in proc sys dev; do mount --move "/$place" "/all/$place"; done
mkdir -p /all/dev/pts /all/dev/shm
mount -t devpts pts /all/dev/pts
mount -t tmpfs shm /all/dev/shm
mount -t tmpfs run /all/run
if mount -t cgroup2 cgroup /all/sys/fs/cgroup; then
  for controller in memory pids cpu io; do echo "+$controller" >/all/sys/fs/cgroup/cgroup.subtree_control; done
fi
ip link set lo up
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
mkdir /all/run/commands
cp /bin/busybox /serve /all/run/commands/
exec switch_root /all /run/commands/busybox sh /run/commands/serve
"""

# Process 1, which no OOM killer takes; what it runs can be taken like any other.
_SERVE = """\
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C.UTF-8
cd /run/commands
alias bb=/run/commands/busybox
bb stty -F /dev/ttyS1 raw -echo
exec </dev/ttyS1 >/dev/ttyS1
echo ready
while read -r line; do
  echo "$line" | bb base64 -d >script
  /usr/bin/setsid /bin/sh script </dev/null >output 2>&1
  printf 'done %s ' "$?"
  bb base64 output | bb tr -d '\\n'
  echo
done
"""


def first_files(busybox: Path, modules: Iterable[Path], settings: dict[str, str]) -> bytes:
    """The archive that QEMU hands the kernel."""
    text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    members = {
        "bin": (initrd.DIRECTORY, b""),
        "bin/busybox": (initrd.PROGRAM, busybox.read_bytes()),
        "init": (initrd.PROGRAM, _INIT.encode()),
        "serve": (initrd.FILE, _SERVE.encode()),
        "settings": (initrd.FILE, text.encode()),
        **initrd.module_members(modules),
    }
    return initrd.archive(members)
