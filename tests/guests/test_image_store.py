"""The store of images: whole images only, whatever happens to who makes them."""

import fcntl
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from arm_ci.guests.errors import ImageError
from arm_ci.guests.image import Image, ImageStore


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


def publish(store: ImageStore, name: str = "one", key: str = "k") -> Image:
    with store.making() as directory:
        (directory / "disk.qcow2").write_bytes(b"x" * 5000)
        return store.publish(Image(directory=directory, name=name, key=key, architecture="arm64", origin="recipe"))


def left_over(store: ImageStore) -> list[str]:
    return sorted(each.name for each in store.directory.glob(".half-made-*"))


def test_a_published_image_is_there_and_nothing_else(store: ImageStore) -> None:
    made = publish(store)
    assert store.get("one") == made
    assert made.size_bytes() >= 5000
    assert [each.name for each in store.list()] == ["one"]
    assert left_over(store) == []


def test_a_new_image_takes_the_place_of_the_old_one(store: ImageStore) -> None:
    publish(store)
    publish(store, key="other")
    assert store.get("one").key == "other"
    assert left_over(store) == []


def test_what_is_not_published_is_gone_after_a_failure(store: ImageStore) -> None:
    with pytest.raises(RuntimeError), store.making() as directory:
        (directory / "disk.qcow2").write_bytes(b"x")
        raise RuntimeError
    assert left_over(store) == []
    assert store.list() == []


def test_what_a_killed_maker_left_is_removed_by_the_next(store: ImageStore) -> None:
    program = f"""
        import os, pathlib, signal
        from arm_ci.guests.image import ImageStore
        with ImageStore(pathlib.Path({str(store.directory)!r})).making() as directory:
            (directory / "disk.raw").write_bytes(b"x")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert done.returncode == -9
    assert len(left_over(store)) == 1
    publish(store)
    assert left_over(store) == []


def test_what_another_is_making_stays(store: ImageStore) -> None:
    with store.making() as theirs:
        (theirs / "disk.raw").write_bytes(b"x")
        publish(store)
        assert (theirs / "disk.raw").exists()


def test_one_process_at_a_time_makes_an_image_of_a_name(store: ImageStore) -> None:
    waited = []
    with store.only_maker("one", lambda: waited.append("one")):
        with store.only_maker("two", lambda: waited.append("two")):
            pass
        lock = os.open(store.directory / ".one.lock", os.O_WRONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(lock)
    assert waited == []


def test_a_removed_image_is_gone_with_all_that_was_in_its_directory(store: ImageStore) -> None:
    image = publish(store)
    (image.directory / "snapshot").mkdir()
    (image.directory / "snapshot" / "state").write_bytes(b"x")
    store.remove("one")
    assert store.list() == []
    assert left_over(store) == []
    with pytest.raises(ImageError) as raised:
        store.remove("one")
    assert str(raised.value) == "there is no image `one`"


@pytest.mark.parametrize("name", ["", "../one", "One", ".lock", "a b"])
def test_a_name_that_is_no_name_is_refused(store: ImageStore, name: str) -> None:
    with pytest.raises(ImageError) as raised:
        store.get(name)
    assert str(raised.value) == f"`{name}` is no name of an image: small letters, digits, `.` and `-` were expected"


def test_a_broken_image_is_told_and_not_listed(store: ImageStore) -> None:
    image = publish(store)
    image.path("disk.qcow2").unlink()
    with pytest.raises(ImageError) as raised:
        store.get("one")
    assert str(raised.value) == "image `one` lacks its file disk.qcow2; remove it and make it again"
    (image.directory / "image.json").write_text('{"schema": 0}')
    with pytest.raises(ImageError) as raised:
        store.get("one")
    assert str(raised.value) == "image `one` was made by another version of arm_ci; make it again"
    (image.directory / "image.json").write_text("{")
    with pytest.raises(ImageError) as raised:
        store.get("one")
    assert str(raised.value).startswith("image `one` cannot be read: Expecting property name")
    assert store.list() == []
    store.remove("one")
    assert list(store.directory.glob("one")) == []
