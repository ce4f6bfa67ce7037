"""Recipes of images: what is read, and what a mistake is told as."""

from pathlib import Path

import pytest

from arm_ci.config import load
from arm_ci.guests import image_recipe, tree
from arm_ci.guests.errors import ImageError
from arm_ci.plan.packages import package_table

SHIPPED = Path(__file__).parents[2] / "workers" / "images"
GOOD = """\
architecture: arm64
suite: bookworm
inside: worker
kernel: linux-image-cloud-arm64
modules: [virtio_blk, ext4]
append: root=/dev/vda quiet
handover: virtio-serial
packages: [g++, cmake]
"""


def read(directory: Path, text: str) -> image_recipe.Recipe:
    (directory / "mine.yaml").write_text(text)
    return image_recipe.read(directory, "mine")


def mistakes(directory: Path, text: str) -> str:
    with pytest.raises(ImageError) as raised:
        read(directory, text)
    return str(raised.value).replace(str(directory / "mine.yaml"), "mine.yaml")


@pytest.mark.parametrize("name", image_recipe.names(SHIPPED))
def test_every_shipped_recipe_is_without_mistakes(name: str) -> None:
    found = image_recipe.read(SHIPPED, name)
    assert found.name == name
    assert found.description


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert (found.machine, found.disk_bytes, found.mirror, found.links) == ("virt", 32 << 30, "", ())
    assert found.packages == ("g++", "cmake")
    assert not found.resumes


def test_sizes_and_links_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD + "disk: 900M\nresumes: true\nlinks:\n  /usr/bin/cc: gcc\n")
    assert found.disk_bytes == 900 << 20
    assert found.resumes
    assert found.links == (("/usr/bin/cc", "gcc"),)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("architecture: x86", "`architecture`: `arm64` or `armhf` was expected, not `x86`"),
        ("suite: Book worm", "`suite`: the name of a Debian release, such as `bookworm` was expected, not `Book worm`"),
        ("inside: docker", "`inside`: `worker` or `systemd` was expected, not `docker`"),
        ("modules: ext4", "`modules`: a list was expected, not `ext4`"),
        ("packages: [g++, 'c c']", "`packages`: the name of a Debian package was expected, not `c c`"),
        ("disk: 3000", "`disk`: a size such as `32G` or `900M` was expected, not `3000`"),
        ("resumes: 1", "`resumes`: `true` or `false` was expected, not `1`"),
        ("machine: raspi4", "`machine`: `virt` or `raspi3b` was expected, not `raspi4`"),
        ("mirror: debian", "`mirror`: a URL of a Debian mirror was expected, not `debian`"),
        ("links: [a]", "`links`: links such as `/usr/bin/cc: gcc` was expected"),
        ("links: {cc: gcc}", "`links`: a whole path, such as `/usr/bin/cc` was expected, not `cc`"),
        (
            "devicetree: board",
            "`devicetree`: a file of the kernel's package that ends with `.dtb` was expected, not `board`",
        ),
        ("kernal: linux", "`kernal`: unknown key; did you mean `kernel`?"),
    ],
)
def test_a_mistake_names_file_line_key_and_what_was_expected(tmp_path: Path, line: str, message: str) -> None:
    key = line.partition(":")[0]
    kept = [each for each in GOOD.splitlines() if each.partition(":")[0] != key]
    said = mistakes(tmp_path, "\n".join([line, *kept]))
    assert said.splitlines()[0] == f"mine.yaml:1: {message}"


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "suite: bookworm\nsuite: trixie\nappend: ''\ncolour: red\n").splitlines() == [
        "mine.yaml:2: `suite`: it is there twice",
        "mine.yaml:3: `append`: a text on one line was expected",
        "mine.yaml:4: `colour`: unknown key; known are `append`, `architecture`, `description`, `devicetree`, `disk`, "
        "`handover`, `inside`, `kernel`, `links`, `machine`, `mirror`, `modules`, `packages`, `resumes`, `suite`",
        "mine.yaml: `architecture` is missing",
        "mine.yaml: `inside` is missing",
        "mine.yaml: `kernel` is missing",
        "mine.yaml: `modules` is missing",
        "mine.yaml: `packages` is missing",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("handover: virtio-serial\n", ""), "`handover` is missing: a waiting worker has to be told its name"),
        (("worker", "systemd"), "`handover`: no worker waits in an image with systemd"),
        (
            ("suite:", "devicetree: a.dtb\nmachine: raspi3b\ndisk: 30G\nsuite:"),
            "`disk`: the size of a raspi3b's SD card must be a power of two, such as `32G`",
        ),
        (("suite:", "machine: raspi3b\nsuite:"), "`devicetree` is missing: a raspi3b needs the file that describes it"),
        (
            ("inside: worker", "inside: systemd\nresumes: true"),
            "`resumes`: only an image in which a worker waits can be resumed",
        ),
    ],
)
def test_keys_that_contradict_each_other_are_told(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert mistakes(tmp_path, GOOD.replace(*change)).splitlines()[-1] == f"mine.yaml: {message}"


def test_text_that_is_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "a: [\n") == (
        "mine.yaml:2: this is not YAML: expected the node content, but found '<stream end>'"
    )
    assert mistakes(tmp_path, "- a\n") == "mine.yaml: keys such as `suite` and `packages` were expected"


def test_an_unknown_recipe_is_told_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "debian-12-arm64.yaml").write_text(GOOD)
    with pytest.raises(ImageError) as raised:
        image_recipe.read(tmp_path, "debian-12-arm46")
    assert str(raised.value) == f"there is no recipe `debian-12-arm46` in {tmp_path}; did you mean `debian-12-arm64`?"
    with pytest.raises(ImageError) as raised:
        image_recipe.read(tmp_path, "../etc")
    assert str(raised.value) == f"there is no recipe `../etc` in {tmp_path}; there are `debian-12-arm64`"


@pytest.mark.parametrize("name", [name for name in image_recipe.names(SHIPPED) if not name.endswith("-systemd")])
def test_a_shipped_guest_has_what_the_shipped_projects_need(name: str) -> None:
    found = image_recipe.read(SHIPPED, name)
    wanted: set[str] = set()
    for line in package_table(load(None)).splitlines():
        _, architecture, system, *packages = line.split()
        if architecture in ("*", found.architecture) and system in ("*", "debian"):
            # A question mark: where there is such a package.
            wanted.update(package for package in packages if not package.endswith("?"))
    assert wanted - set(found.packages) - set(tree.PACKAGES) == set()
