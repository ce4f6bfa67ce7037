"""A link's command line is taken apart and put together again without losing a word."""

import pytest

from arm_ci.agent.edges import link_command
from arm_ci.agent.edges.link_command import (
    LinkError,
    Word,
    as_built,
    inputs,
    missing_inputs,
    read,
    with_linker,
)


def rewritten(*argv, selection=("-fuse-ld=lld",), options=("-S",), directory="/b"):
    return with_linker(read(argv, directory), selection, options, "/t")


def test_another_linker_takes_the_place_of_the_one_that_was_chosen():
    assert rewritten("g++", "-g", "-fuse-ld=gold", "a.o", "-o", "bin/app", "-lz") == [
        *("g++", "-g", "a.o", "-lz", "-fuse-ld=lld", "-Wl,-S", "-o", "/t/app")
    ]
    assert rewritten("clang++", "--ld-path=/opt/ld.lld", "a.o")[1:] == [
        "a.o",
        "-fuse-ld=lld",
        "-Wl,-S",
        "-o",
        "/t/a.out",
    ]


def test_a_directory_with_an_ld_of_its_own_is_left_out_and_other_directories_stay(tmp_path):
    (tmp_path / "masquerade").mkdir()
    (tmp_path / "masquerade" / "ld").touch()
    (tmp_path / "crt").mkdir()
    words = rewritten(
        "g++", "-Bmasquerade", "-B", "crt", "-B", f"{tmp_path}/masquerade", "a.o", directory=str(tmp_path)
    )
    assert words[1:3] == ["-Bcrt", "a.o"]


def test_memory_options_are_replaced_and_all_others_kept():
    words = rewritten(
        *("g++", "-Wl,--no-keep-memory,-rpath,/x,--threads=4", "-Xlinker", "--no-map-whole-files"),
        *("-Xlinker", "--gc-sections", "a.o", "-oapp"),
        options=("--threads=1",),
    )
    assert words[1:] == [
        *("-Wl,-rpath", "-Wl,/x", "-Wl,--gc-sections", "a.o", "-fuse-ld=lld", "-Wl,--threads=1", "-o", "/t/app")
    ]


def test_a_linkers_word_with_a_comma_keeps_it():
    assert rewritten("g++", "-Xlinker", "-rpath=/a,b", "a.o")[1:3] == ["-Xlinker", "-rpath=/a,b"]


def test_what_the_linker_writes_beside_its_output_goes_to_the_trial_too():
    words = rewritten("g++", "a.o", "-Wl,-Map,maps/app.map", "-Wl,--dependency-file=d/link.d,-Map=x.map", "-save-temps")
    assert words[2:6] == ["-Wl,-Map", "-Wl,/t/app.map", "-Wl,--dependency-file=/t/link.d", "-Wl,-Map=/t/x.map"]
    assert "-save-temps" not in words


def test_the_link_as_it_was_keeps_linker_and_options():
    link = read(["g++", "-fuse-ld=gold", "-Wl,--no-map-whole-files", "a.o", "-o", "app"], "/b")
    assert as_built(link, ["--no-fork"], "/t") == [
        *("g++", "-fuse-ld=gold", "-Wl,--no-map-whole-files", "a.o", "-Wl,--no-fork", "-o", "/t/app")
    ]
    assert link.memory_options == ("--no-map-whole-files",)
    assert link.selection == ("-fuse-ld=gold",)


@pytest.mark.parametrize("word", ["-s", "-Wl,-S", "-Wl,-s", "-Wl,--strip-debug", "-Wl,-O1,--strip-all"])
def test_a_link_without_debug_information_is_known(word):
    assert read(["g++", word, "a.o"], "/b").strips
    assert not read(["g++", "-g", "-Wl,-soname,s", "a.o"], "/b").strips


def test_response_files_are_read_as_the_compilers_do(tmp_path):
    (tmp_path / "link.rsp").write_text('a\\ b.o \'c d.o\'\n"e\\"f.o" @more.rsp')
    (tmp_path / "more.rsp").write_text("-fuse-ld=bfd\n-Wl,--no-keep-memory last.o\n")
    link = read(["g++", "@link.rsp", "-o", "app"], str(tmp_path))
    assert link.used_response_file
    assert link.texts(False) == ["a b.o", "c d.o", 'e"f.o', "-fuse-ld=bfd", "last.o"]
    assert with_linker(link, (), (), "/t")[-3:] == ["last.o", "-o", "/t/app"]


def test_a_response_file_that_includes_itself_ends(tmp_path):
    (tmp_path / "own.rsp").write_text("a.o @own.rsp")
    assert "a.o" in read(["g++", "@own.rsp"], str(tmp_path)).texts(False)


def test_a_response_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(LinkError) as caught:
        read(["g++", "@CMakeFiles/app.rsp", "-o", "app"], str(tmp_path))
    assert str(caught.value) == (
        "the link's response file `CMakeFiles/app.rsp` cannot be read (No such file or directory); "
        "ninja removes it after a link that went well: `ninja -d keeprsp` keeps it"
    )


def test_inputs_are_objects_archives_and_the_libraries_of_the_tree(tmp_path):
    for name in ("a.o", "libx.a", "lib/liby.so", "lib/libz.so.1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    argv = ["g++", "a.o", "-Wl,--whole-archive,libx.a,-soname,liby.so", "lib/libz.so.1", "-L", "lib", "-ly", "-lm"]
    link = read(argv, str(tmp_path))
    assert [path[len(str(tmp_path)) + 1 :] for path in inputs(link)] == [
        "a.o",
        "libx.a",
        "lib/libz.so.1",
        "lib/liby.so",
    ]
    assert missing_inputs(link) == []


def test_inputs_that_are_gone_are_told(tmp_path):
    (tmp_path / "a.o").touch()
    argv = ["g++", "a.o", "b.o", "-Wl,--start-group,libx.a,--end-group", "-Wl,-soname,libapp.so.1", "-o", "app"]
    assert missing_inputs(read(argv, str(tmp_path))) == ["b.o", "libx.a"]


def test_whose_word_it_is_is_kept():
    assert link_command.read(["g++", "-Xlinker", "-o", "a.o"], "/b").words == (Word("-o", True), Word("a.o"))
