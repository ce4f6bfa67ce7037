"""A site's files over the catalogue's: key by key, names added and taken out, mistakes where they were written."""

from pathlib import Path

import pytest
from small_configuration import GOOD, HOST

from arm_ci.config import Config, ConfigError, load, variants

BASE = GOOD["projects.yaml"]
OTHER = """\
other:
  repository: https://example.org/other.git
  branches: [main]
  cmake: {options: [-DX=1], targets: [all]}
  fallback:
    - {name: less, kinds: [link], linker: lld, debug_info: none}
  matrix:
    boards: [rpi4, here]
    compilers: [clang]
    linkers: [bfd, lld]
    generators: [ninja]
    include:
      - {board: rpi4, compiler: clang, linker: odd, generator: ninja, debug_info: full}
      - {board: here, compiler: gcc, linker: bfd, generator: ninja, debug_info: full}
    exclude:
      - match: {board: here, linker: lld}
        reason: not needed there
    tiers:
      nightly:
        - {board: rpi4, linker: lld}
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """A small catalogue: two boards, two projects, and the worker of a site that names none."""
    config = tmp_path / "catalogue" / "config"
    config.mkdir(parents=True)
    for name in ("boards.yaml", "toolchains.yaml"):
        (config / name).write_text(GOOD[name], encoding="utf-8")
    (config / "projects.yaml").write_text(BASE + OTHER, encoding="utf-8")
    (config / "workers.yaml").write_text("own: {board: here, local: true}\n", encoding="utf-8")
    return tmp_path / "catalogue"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


def read(directory: Path, catalogue: Path, **files: str) -> Config:
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load(directory, HOST, catalogue)


def said(directory: Path, catalogue: Path, **files: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read(directory, catalogue, **files)
    return [str(each).replace(f"{directory.parent}/", "") for each in refused.value.problems]


def names(config: Config) -> list[str]:
    return [variant.name for variant in variants(config)]


BOTH = "rpi4-1: {board: rpi4}\nown: {board: here, local: true}\n"


# -- what counts where ---------------------------------------------------------------------------------------------


def test_a_site_without_files_has_what_the_catalogue_has(site: Path, catalogue: Path) -> None:
    config = read(site, catalogue)
    assert (list(config.boards), list(config.projects), list(config.workers)) == (
        ["rpi4", "here"],
        ["app", "other"],
        ["own"],
    )


def test_a_site_builds_the_projects_that_it_names_in_its_order(site: Path, catalogue: Path) -> None:
    assert list(read(site, catalogue, projects="other:\napp: {}\n").projects) == ["other", "app"]
    assert list(read(site, catalogue, projects="other: {poll: never}\n").projects) == ["other"]
    assert list(read(site, catalogue, projects="# none\n").projects) == []


def test_a_site_with_workers_has_no_others(site: Path, catalogue: Path) -> None:
    assert list(read(site, catalogue, workers="rpi4-1: {board: rpi4}\n").workers) == ["rpi4-1"]
    assert list(read(site, catalogue, workers="{}\n").workers) == []


def test_without_a_site_everything_counts_and_nobody_misses_a_worker(catalogue: Path) -> None:
    config = load(None, HOST, catalogue)
    assert {variant.board for variant in variants(config)} == {"rpi4", "here"}
    assert config.directory == Path.cwd()


# -- key by key ----------------------------------------------------------------------------------------------------


def test_a_mapping_is_merged_at_every_depth_and_a_list_replaced(site: Path, catalogue: Path) -> None:
    text = "other: {cmake: {options: [-DX=2]}, matrix: {compilers: [gcc], tiers: {commit: [{board: here}]}}}\n"
    other = read(site, catalogue, projects=text, workers=BOTH).projects["other"]
    assert other.cmake is not None
    assert (other.cmake.options, other.cmake.targets) == (("-DX=2",), ("all",))
    assert (other.matrix.compilers, other.matrix.linkers) == (("gcc",), ("bfd", "lld"))
    assert (len(other.matrix.tiers.commit), len(other.matrix.tiers.nightly)) == (1, 1)
    assert other.repository == "https://example.org/other.git"


def test_a_scalar_is_replaced_and_the_others_stay(site: Path, catalogue: Path) -> None:
    config = read(site, catalogue, boards="rpi4: {memory: 2G}\n", toolchains="linkers: {lld: {minimum: '14'}}\n")
    assert (config.boards["rpi4"].memory, config.boards["rpi4"].swap) == (2 << 30, 8 << 30)
    assert (config.linkers["lld"].minimum, config.linkers["lld"].program) == ("14", "ld.lld")


def test_an_entry_of_a_new_name_is_added_behind_the_others(site: Path, catalogue: Path) -> None:
    board = "mine: {architecture: arm64, cores: 2, memory: 1G, os: debian-12}\n"
    assert list(read(site, catalogue, boards=board).boards) == ["rpi4", "here", "mine"]


def test_nothing_takes_the_place_of_a_section_that_may_be_empty(site: Path, catalogue: Path) -> None:
    text = "other:\n  cmake:\n  autotools: {targets: [all]}\n"
    text += "  matrix: {generators: [autotools], include: [], exclude: []}\n"
    other = read(site, catalogue, projects=text).projects["other"]
    assert (other.cmake, other.autotools is not None) == (None, True)


# -- taking out ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("off", ["off", "'off'"])
def test_off_takes_an_entry_out(site: Path, catalogue: Path, off: str) -> None:
    toolchains = f"compilers: {{to-rpi4: {off}}}\nlinkers: {{odd: {off}}}\n"
    config = read(site, catalogue, toolchains=toolchains, boards=f"rpi4: {off}\n", projects="app:\n")
    assert (list(config.linkers), list(config.boards)) == (["bfd", "lld"], ["here"])


def test_a_cross_compiler_does_not_go_with_its_board_of_itself(site: Path, catalogue: Path) -> None:
    assert said(site, catalogue, boards="rpi4: off\n", projects="app:\n") == [
        "catalogue/config/toolchains.yaml:11:13: compiler `to-rpi4`, `target`: unknown board `rpi4`; the boards are "
        "`here`"
    ]


def test_a_linker_that_is_taken_out_leaves_the_catalogues_matrices_and_fallbacks_too(
    site: Path, catalogue: Path
) -> None:
    config = read(site, catalogue, toolchains="linkers: {lld: off}\n", workers=BOTH)
    assert {variant.linker for variant in variants(config)} == {"bfd", "odd"}
    assert config.projects["other"].fallback == ()


def test_a_compiler_that_is_taken_out_leaves_the_catalogues_matrices_and_includes(site: Path, catalogue: Path) -> None:
    config = read(site, catalogue, toolchains="compilers: {gcc: off}\n", workers=BOTH)
    assert {variant.compiler for variant in variants(config)} == {"clang"}


def test_what_the_site_itself_names_must_be_there(site: Path, catalogue: Path) -> None:
    projects = "app: {matrix: {linkers: [bfd, lld]}}\n"
    assert said(site, catalogue, toolchains="linkers: {lld: off}\n", projects=projects) == [
        "site/projects.yaml:1:31: project `app`, `matrix.linkers[1]`: unknown linker `lld`; the linkers are `bfd`, "
        "`odd`"
    ]


def test_what_the_catalogue_has_not_cannot_be_taken_out(site: Path, catalogue: Path) -> None:
    assert said(site, catalogue, boards="rpi44: off\n", projects="apq: off\n") == [
        "site/boards.yaml:1:1: board `rpi44`: `off` takes a board of the catalogue out, and it has none of this "
        "name; did "
        "you mean `rpi4`?",
        "site/projects.yaml:1:1: project `apq`: `off` takes a project of the catalogue out, and it has none of this "
        "name; "
        "did you mean `app`?",
    ]


# -- the catalogue's matrices are for what the site has ------------------------------------------------------------


def test_the_catalogues_matrices_count_for_boards_with_a_worker(site: Path, catalogue: Path) -> None:
    here = read(site, catalogue, projects="other:\n")
    assert names(here) == ["other-here-clang-bfd-ninja-full", "other-here-gcc-bfd-ninja-full"]
    both = read(site, catalogue, workers=BOTH)
    assert names(both)[-4:] == [
        "other-rpi4-clang-lld-ninja-full",
        "other-here-clang-bfd-ninja-full",
        "other-rpi4-clang-odd-ninja-full",
        "other-here-gcc-bfd-ninja-full",
    ]


def test_a_board_that_the_site_names_needs_a_worker(site: Path, catalogue: Path) -> None:
    assert said(site, catalogue, projects="other:\n  matrix: {boards: [here, rpi4]}\n") == [
        "site/projects.yaml:2:27: project `other`, `matrix.boards[1]`: board `rpi4` has no worker: 2 combinations; "
        "add one "
        "to workers.yaml or take the board out of the matrix"
    ]


def test_a_project_of_which_the_site_has_no_board_is_a_mistake_when_it_is_named(site: Path, catalogue: Path) -> None:
    boards = "mine: {architecture: arm64, cores: 2, memory: 1G, os: debian-12}\n"
    workers = "mine-1: {board: mine}\n"
    assert said(site, catalogue, boards=boards, workers=workers, projects="app:\n") == [
        "site/projects.yaml:1:1: project `app`: no worker of workers.yaml is of its boards (`rpi4`, `here`): add "
        "one, name "
        "boards of yours in `matrix: {boards: [...]}`, or take the project out"
    ]


def test_a_project_of_which_the_site_has_no_board_is_left_out_when_nobody_named_it(site: Path, catalogue: Path) -> None:
    boards = "mine: {architecture: arm64, cores: 2, memory: 1G, os: debian-12}\n"
    assert read(site, catalogue, boards=boards, workers="mine-1: {board: mine}\n").projects == {}


def test_a_rule_of_the_catalogue_that_matches_nothing_here_is_no_mistake(site: Path, catalogue: Path) -> None:
    # The exclusion is about `here`, the tier about `rpi4`, and the includes are in the product or about neither.
    text = "other: {matrix: {boards: [rpi4], compilers: [clang], linkers: [bfd, odd]}}\n"
    config = read(site, catalogue, projects=text, workers="rpi4-1: {board: rpi4}\n")
    assert names(config) == ["other-rpi4-clang-bfd-ninja-full", "other-rpi4-clang-odd-ninja-full"]


def test_a_rule_of_the_site_that_matches_nothing_is_a_mistake(site: Path, catalogue: Path) -> None:
    text = "other:\n  matrix:\n    tiers:\n      nightly: [{board: rpi4}]\n"
    assert said(site, catalogue, projects=text) == [
        "site/projects.yaml:4:25: project `other`, `matrix.tiers.nightly[0].board[0]`: no variant of the project "
        "has board "
        "`rpi4`; take it out or correct it"
    ]


# -- where mistakes are ------------------------------------------------------------------------------------------------


def test_a_mistake_is_told_where_the_value_stands(site: Path, catalogue: Path) -> None:
    (catalogue / "config" / "boards.yaml").write_text(
        GOOD["boards.yaml"].replace("memory: 3792M", "memory: much"), encoding="utf-8"
    )
    assert said(site, catalogue, boards="rpi4:\n  swap: some\n  cpus: 4\n", workers=BOTH) == [
        "catalogue/config/boards.yaml:4:11: board `rpi4`, `memory`: found `much`, expected a size such as `925M`, "
        "`12G` or "
        "`0`, or `host`",
        "site/boards.yaml:2:9: board `rpi4`, `swap`: found `some`, expected a size such as `925M`, `12G` or `0`, or "
        "`host`",
        "site/boards.yaml:3:3: board `rpi4`: unknown key `cpus`; did you mean `cpu`?",
    ]
    assert said(site, catalogue, boards="rpi4:\n  memory: 1G\n  swap: some\n") == [
        "site/boards.yaml:3:9: board `rpi4`, `swap`: found `some`, expected a size such as `925M`, `12G` or `0`, or "
        "`host`"
    ]


def test_two_values_that_do_not_go_together_are_told_at_the_one_that_was_named_last(
    site: Path, catalogue: Path
) -> None:
    assert said(site, catalogue, projects="app: {matrix: {compilers: [gcc-8]}}\n") == [
        "catalogue/config/projects.yaml:10:20: project `app`, `matrix.linkers[1]`: compiler `gcc-8` cannot drive "
        "linker "
        "`lld` (needs gcc >=9, has 8): 2 combinations; exclude with a reason, or take one out of the matrix"
    ]


def test_why_names_the_file_of_each_rule(site: Path, catalogue: Path) -> None:
    config = read(site, catalogue, projects="other: {matrix: {tiers: {commit: [{}]}}}\n")
    path = ("projects", "other", "matrix")
    assert config.places[(*path, "tiers", "commit", 0)] == f"{site}/projects.yaml:1"
    assert config.places[(*path, "exclude", 0)] == f"{catalogue}/config/projects.yaml:33"


@pytest.mark.parametrize("root", ["[a]\n", "text\n"])
def test_a_file_that_is_no_mapping_is_said_once(site: Path, catalogue: Path, root: str) -> None:
    kind = "a list" if root.startswith("[") else "`text`"
    (line,) = said(site, catalogue, toolchains=root)
    assert line == f"site/toolchains.yaml:1:1: found {kind}, expected a mapping with the keys `compilers` and `linkers`"
    (line,) = said(site, catalogue, toolchains="{}\n", boards=root)
    assert line == f"site/boards.yaml:1:1: found {kind}, expected a mapping of names to entries"


def test_keys_that_had_another_name_name_the_one_of_today(site: Path, catalogue: Path) -> None:
    assert said(site, catalogue, projects="app:\n  relief: [{name: x}]\n  relief_from_trials: true\n") == [
        "site/projects.yaml:2:3: project `app`: key `relief` is called `fallback` now",
        "site/projects.yaml:3:3: project `app`: key `relief_from_trials` is called `fallback_from_trials` now",
    ]


# -- paths ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["../sources/app", "./app.git", "app.git", "./odd:name", "/srv/app.git"])
def test_a_path_to_a_repository_is_relative_to_the_file_that_names_it(
    site: Path, catalogue: Path, address: str
) -> None:
    (catalogue / "config" / "projects.yaml").write_text(BASE.replace("https://example.org/app.git", address))
    shipped = read(site, catalogue)
    assert shipped.repository_url(shipped.projects["app"]) == str((catalogue / "config" / address).resolve())
    own = read(site, catalogue, projects=f"app: {{repository: '{address}'}}\n")
    assert own.repository_url(own.projects["app"]) == str((site / address).resolve())


@pytest.mark.parametrize(
    "address", ["https://example.org/a.git", "git@example.org:a.git", "ssh://git@h/a", "file:" + "///a"]
)
def test_an_address_of_a_repository_stays_as_it_is(site: Path, catalogue: Path, address: str) -> None:
    (catalogue / "config" / "projects.yaml").write_text(BASE.replace("https://example.org/app.git", address))
    shipped = read(site, catalogue)
    assert shipped.repository_url(shipped.projects["app"]) == address
    own = read(site, catalogue, projects=f"app: {{repository: '{address}'}}\n")
    assert own.repository_url(own.projects["app"]) == address


def test_a_directory_is_relative_to_the_file_that_names_it(site: Path, catalogue: Path) -> None:
    for place in (catalogue, site):
        (place / "code").mkdir()
    sample = BASE.replace("repository: https://example.org/app.git", "directory: ../code")
    (catalogue / "config" / "projects.yaml").write_text(sample)
    shipped = read(site, catalogue)
    assert shipped.path(shipped.projects["app"].directory) == catalogue / "code"
    own = read(site, catalogue, projects="app: {directory: code}\n")
    assert own.path(own.projects["app"].directory) == site / "code"
    assert own.repository_url(own.projects["app"]) == str(site / "state" / "sources" / "app.git")


def test_a_toolchain_file_is_relative_to_the_file_that_names_it(site: Path, catalogue: Path) -> None:
    for place in (catalogue / "config", site):
        (place / "own.cmake").touch()
    text = GOOD["toolchains.yaml"].replace("  clang:\n", "  clang:\n    cmake_toolchain_file: own.cmake\n", 1)
    (catalogue / "config" / "toolchains.yaml").write_text(text)
    shipped = read(site, catalogue)
    assert shipped.path(shipped.compilers["clang"].cmake_toolchain_file) == catalogue / "config" / "own.cmake"
    own = read(site, catalogue, toolchains="compilers: {clang: {cmake_toolchain_file: own.cmake}}\n")
    assert own.path(own.compilers["clang"].cmake_toolchain_file) == site / "own.cmake"


# -- patch sets ----------------------------------------------------------------------------------------------------


def patches(top: Path, *names: str) -> None:
    for name in names:
        (top / "patches" / name).mkdir(parents=True)


def test_a_patch_set_is_the_sites_before_the_catalogues(site: Path, catalogue: Path) -> None:
    patches(catalogue, "app", "other")
    patches(site, "app")
    config = read(site, catalogue)
    assert config.patch_set(config.projects["app"]) == site / "patches" / "app"
    assert config.patch_set(config.projects["other"]) == catalogue / "patches" / "other"


def test_a_project_may_have_the_patch_set_of_another_or_none(site: Path, catalogue: Path) -> None:
    patches(catalogue, "app", "other")
    config = read(site, catalogue, projects="app: {patch_set: other}\nother: {patch_set: none}\n")
    assert config.patch_set(config.projects["app"]) == catalogue / "patches" / "other"
    assert config.patch_set(config.projects["other"]) is None


def test_a_project_without_a_directory_of_its_name_has_no_patches(site: Path, catalogue: Path) -> None:
    config = read(site, catalogue)
    assert config.patch_set(config.projects["app"]) is None


def test_a_patch_set_that_is_named_must_be_there(site: Path, catalogue: Path) -> None:
    patches(catalogue, "other")
    patches(site, "third")
    assert said(site, catalogue, projects="app:\n  patch_set: otter\n") == [
        "site/projects.yaml:2:14: project `app`, `patch_set`: there is no patch set `otter`; did you mean `other`?"
    ]
    assert said(site, catalogue, projects="app:\n  patch_set: xyz\n") == [
        "site/projects.yaml:2:14: project `app`, `patch_set`: there is no patch set `xyz`; the patch sets are `other`, "
        "`third`"
    ]


def test_a_directory_of_patches_that_is_named_must_be_there(site: Path, catalogue: Path) -> None:
    assert said(site, catalogue, site="patches: ../none\n") == [
        "site/site.yaml:1:10: `patches`: there is no directory `../none` beside the site's files"
    ]
