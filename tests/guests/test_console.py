"""What is kept of a guest's console."""

from hypothesis import given
from hypothesis import strategies as st

from arm_ci.guests.console import Console


def console_of(*pieces: bytes) -> Console:
    console = Console()
    for piece in pieces:
        console.feed(piece)
    return console


def test_it_is_readable_text() -> None:
    console = console_of(b"[    0.0] Booting\r\n\x1b[32mok\x1b[0m\xff", b"\x00\n")
    assert console.text() == "[    0.0] Booting\nok\ufffd\n"


def test_the_tail_is_the_last_lines() -> None:
    assert console_of(b"\n".join(b"line %d" % n for n in range(50))).tail(2) == "line 48\nline 49"


def test_the_reason_of_a_panic_is_the_kernels() -> None:
    text = b"[  1.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n[  1.1] CPU: 0"
    assert console_of(text).panic() == "VFS: Unable to mount root fs on unknown-block(0,0)"
    assert console_of(b"Kernel panic - not syncing: ").panic() == "it did not say why"
    assert console_of(b"all is well").panic() == ""


def test_what_the_images_own_programs_say_is_a_fault() -> None:
    text = b"[    5.1] EXT4-fs: error\r\n[    5.2] arm_ci: the root disk cannot be mounted\r\n[    6.2] reboot"
    assert console_of(text).fault() == "the root disk cannot be mounted"
    assert console_of(b"arm_ci: no network card").fault() == "no network card"
    assert console_of(b"is arm_ci: there?").fault() == ""


def test_beginning_and_end_of_a_flood_are_kept_and_what_is_missing_is_said() -> None:
    console = console_of(b"first\n", *(b"x" * 65536 for _ in range(64)), b"\nlast")
    text = console.text()
    assert text.startswith("first\n")
    assert text.endswith("\nlast")
    assert "bytes are left out]" in text
    assert len(text) < 600_000


@given(st.lists(st.binary(max_size=400)))
def test_any_bytes_in_any_pieces_give_the_same_text(pieces: list[bytes]) -> None:
    assert console_of(*pieces).text() == console_of(b"".join(pieces)).text()
