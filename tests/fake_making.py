"""Programs that stand for mmdebstrap, QEMU's and the like, so that the real code makes an image in milliseconds."""

from __future__ import annotations

import shutil
from pathlib import Path

RECIPE = """\
description: For tests
architecture: arm64
suite: bookworm
inside: worker
kernel: linux-image-cloud-arm64
modules: [ext4]
append: root=/dev/vda quiet
handover: virtio-serial
resumes: true
packages: [g++]
links:
  /usr/bin/cc: gcc
"""

PROGRAMS = {
    "setpriv": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    "unshare": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    "newuidmap": "exit 0",
    "mount": 'rmdir "$3" && ln -s "$2" "$3"',
    "chroot": "exit 0",
    "chown": "exit 0",
    "mmdebstrap": """
        for word; do
            case $word in
                --architectures=*) architecture=${word#*=} ;;
                /*) root=$word ;;
            esac
        done
        echo "I: downloading packages with apt..."
        echo "a progress bar"
        if [ -e "$LOG.fail" ]; then echo "E: apt-get update --error-on=any failed"; exit 25; fi
        mkdir -p "$root/boot" "$root/usr/bin" "$root/usr/lib/modules/6.1" "$root/usr/share/base-passwd" "$root/etc"
        mkdir -p "$root/usr/share/ca-certificates/mozilla" "$root/var/cache/apt/archives" "$root/var/lib/dpkg"
        echo kernel >"$root/boot/vmlinuz-6.1"
        echo busybox >"$root/usr/bin/busybox"
        : >"$root/usr/bin/python3.11"
        echo kernel/fs/ext4.ko >"$root/usr/lib/modules/6.1/modules.builtin"
        echo 'root:*:0:0:root:/root:/bin/bash' >"$root/usr/share/base-passwd/passwd.master"
        echo 'root:*:0:' >"$root/usr/share/base-passwd/group.master"
        printf 'one' >"$root/usr/share/ca-certificates/mozilla/one.crt"
        printf 'two\\n' >"$root/usr/share/ca-certificates/mozilla/two.crt"
        : >"$root/var/cache/apt/archives/systemd.deb" """,
    "dpkg-deb": 'printf \'Package: %s\\nVersion: 1\\n\' "$(basename "$2" .deb)"',
    "mke2fs": """
        while [ "$1" != -d ]; do shift; done
        [ ! -e "$LOG.full" ] || { echo "mke2fs: No space left on device while populating file system"; exit 1; }
        rm -rf "$LOG.tree"
        cp -a "$2" "$LOG.tree"
        echo disk >"$3" """,
    "qemu-img": 'cp "$4" "$5"',
    "pip": """
        while [ "$1" != --target ]; do shift; done
        mkdir -p "$2/buildbot_worker"
        : >"$2/compiled.so" """,
    "qemu-system-aarch64": """
        for word; do case $word in file:*) console=${word#file:} ;; esac; done
        printf 'Setting up systemd (252) ...\\r\\n' >"$console"
        if [ -e "$LOG.panic" ]; then echo "arm_ci: second stage: configuring failed" >>"$console"; exit 0; fi
        printf 'arm_ci: second stage: done\\r\\n' >>"$console" """,
}


def install(directory: Path, log: Path) -> str:
    """Writes the programs; the PATH with them. Each says in the file `log` that it was called, and with what."""
    directory.mkdir()
    for name, script in PROGRAMS.items():
        program = directory / name
        program.write_text(f'#!/bin/sh\nLOG={log}\necho "{name} $*" >>"$LOG"\n{script}\n')
        program.chmod(0o755)
    for tool in ("sh", "cp", "mkdir", "rm", "rmdir", "ln", "sleep", "basename", "env", "true"):
        (directory / tool).symlink_to(str(shutil.which(tool)))
    return str(directory)
