"""Boards that are guests, and their workers: each edit of a good configuration gets exactly these lines."""

import pytest
from small_configuration import B, W, said_after

PI = "os: debian-12\nhere:"
GUEST = "os: debian-12\n  guest: {image: one}\nhere:"
TWIN = "os: debian-12\n  guest: {image: one, machine: raspi3b}\nhere:"


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ([(B, PI, GUEST)], []),
        (
            [(B, PI, GUEST.replace("one", "Über"))],
            [
                "boards.yaml:7:18: board `rpi4`, `guest.image`: found `Über`, expected a name of letters, digits, "
                "`.`, `_`, `+`, `-`, at most 50, the first a letter or digit"
            ],
        ),
        (
            [(B, PI, GUEST.replace("one", "One"))],
            [
                "boards.yaml:7:18: board `rpi4`, `guest.image`: found `One`, expected the name of an image such as "
                "`debian-12-arm64`"
            ],
        ),
        (
            [(B, PI, GUEST.replace("one", "one, cpu: 'a,b'"))],
            ["boards.yaml:7:28: board `rpi4`, `guest.cpu`: found `a,b`, expected a processor such as `cortex-a53`"],
        ),
        (
            [(B, PI, GUEST), (B, "architecture: arm64", "architecture: amd64")],
            [
                "boards.yaml:2:17: board `rpi4`, `architecture`: found `amd64`, expected `arm64` or `armhf`: the board "
                "is a guest"
            ],
        ),
        (
            [(B, PI, GUEST), (B, "memory: 3792M", "memory: 64M")],
            ["boards.yaml:4:11: board `rpi4`, `memory`: a guest of 64 MB cannot boot, expected at least `128M`"],
        ),
        (
            [(B, PI, GUEST), (B, "cores: 4", "cores: 9")],
            ["boards.yaml:3:10: board `rpi4`, `cores`: found `9`, expected at most 8: QEMU's `virt` has no more"],
        ),
        (
            [(B, PI, TWIN), (B, "cores: 4", "cores: 2")],
            [
                "boards.yaml:3:10: board `rpi4`, `cores`: found `2`, expected `4`: QEMU's `raspi3b` has four cores",
                "boards.yaml:4:11: board `rpi4`, `memory`: found 3792 MB, expected at most `1G`: QEMU's `raspi3b` "
                "has no more",
            ],
        ),
        (
            [
                (W, "rpi4-1:\n  board: rpi4\n", "rpi4-1:\n  board: rpi4\n  builds: 2\n  password_file: x\n"),
                (B, PI, GUEST),
            ],
            [
                "workers.yaml:3:11: worker `rpi4-1`, `builds`: a guest is started for one build, and thrown away after "
                "it; take this key out",
                "workers.yaml:4:18: worker `rpi4-1`, `password_file`: a guest gets a password of its own for every "
                "build; take this key out",
            ],
        ),
    ],
)
def test_each_mistake_is_said_in_these_words_at_its_place(tmp_path, edits, said) -> None:
    assert said_after(tmp_path, edits) == said
