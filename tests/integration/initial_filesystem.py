"""The virtual machine's first file system: busybox, modules of the kernel and an init of our own, as a cpio archive.

The init mounts this machine's root below an overlay, and then serves commands on the second serial port.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

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


def archive(busybox: Path, modules: Iterable[Path], settings: dict[str, str]) -> bytes:
    """The archive that QEMU hands the kernel (cpio's format newc: Documentation/driver-api/early-userspace)."""
    modules = tuple(modules)
    text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    order = "".join(f"{module.name}\n" for module in modules)
    parts = [_member("bin", b"", 0o040755), _member("modules", b"", 0o040755)]
    parts.append(_member("bin/busybox", busybox.read_bytes(), 0o100755))
    parts.append(_member("init", _INIT.encode(), 0o100755))
    parts.append(_member("serve", _SERVE.encode(), 0o100644))
    parts.append(_member("settings", text.encode(), 0o100644))
    parts.append(_member("modules/order", order.encode(), 0o100644))
    parts.extend(_member(f"modules/{module.name}", module.read_bytes(), 0o100644) for module in modules)
    parts.append(_member("TRAILER!!!", b"", 0))
    return b"".join(parts)


def _member(name: str, content: bytes, mode: int) -> bytes:
    path = name.encode() + b"\0"
    # inode, mode, owner, group, links, time, size, device (4 numbers), length of the name, checksum (unused here)
    numbers = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
    header = b"070701" + b"".join(b"%08X" % number for number in numbers) + path
    return header + b"\0" * (-len(header) % 4) + content + b"\0" * (-len(content) % 4)


def module_order(root: Path, wanted: Iterable[str]) -> tuple[Path, ...]:
    """The modules below a directory that these names need, each after those that it depends on.

    A name without a file is built into the kernel and left out.
    """
    files = {path.stem.replace("-", "_"): path for path in root.rglob("*.ko")}
    ordered: list[Path] = []

    def add(name: str) -> None:
        path = files.get(name.replace("-", "_"))
        if path is not None and path not in ordered:
            for needed in _depends(path):
                add(needed)
            ordered.append(path)

    for name in wanted:
        add(name)
    return tuple(ordered)


def _depends(module: Path) -> list[str]:
    """What a module says that it depends on, in its section .modinfo."""
    _, found, rest = module.read_bytes().partition(b"\0depends=")
    return [name for name in rest.partition(b"\0")[0].decode().split(",") if name] if found else []
