"""Advice fits the regime, rests on figures, and names nothing that the evidence rules out."""

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import BLIND, COMPILE, GB, LINK, MB, advised, cgroup_link, edge, link, report, samples, verdict

from arm_ci.agent.report import Limits
from arm_ci.diagnosis.verdict import MEMORY_KINDS, Kind

LLD = "Link with lld (-fuse-ld=lld), or with mold."
GOLD_SPARING = "Link with gold's -Wl,--no-map-whole-files,--no-mmap-output-file."
COLLECT = "Have gcc collect its garbage earlier: --param ggc-min-expand=10 --param ggc-min-heapsize=32768."


def texts(*args):
    return [each.text for each in advised(*args)]


def pairs(*args):
    return [(each.text, each.because) for each in advised(*args)]


# -- RAM ----------------------------------------------------------------------------------------------------------


def test_a_link_that_was_killed_gets_another_linker_first_with_figures():
    assert pairs(*cgroup_link()) == [
        (
            "Link with lld (-fuse-ld=lld -Wl,-S), or with mold.",
            "For mesos-execute 1.1.0 anonymous memory in MB was bfd 2,492, gold 1,605, lld 362, mold 633, lld without "
            "debug information 342 (in 925 MB it then took 14.5 s, and with it was stopped after 120 s of reading "
            "again and again): here 191 MB or more instead of the 1.4 GB that ld held when it was killed, beside "
            "300 MB of other edges; there were 900 MB of the cgroup's limit and 512 MB of swap.",
        ),
        (
            "Raise the memory limit of cgroup `/build`, and add at least 2.0 GB of swap to the machine.",
            "2 edges held 1.7 GB together, and would have grown on; there were 900 MB of the cgroup's limit and 512 MB "
            "of swap, and the machine has 925 MB of RAM.",
        ),
        (
            "Make a shared library of the largest static archive, so that each program links against it.",
            "For mesos-execute 1.1.0 bfd took 197 instead of 2,492 MB of anonymous memory; linking the shared library "
            "itself takes as much as one such program, once.",
        ),
    ]


def test_a_cgroup_with_room_around_it_gets_a_higher_limit():
    found, before = cgroup_link()
    limits = before.limits._replace(memory_bytes=8 * GB)
    assert "Raise the memory limit of cgroup `/build` to at least 3.0 GB." in texts(
        found, before._replace(limits=limits)
    )


def test_a_cgroup_that_may_not_use_the_machines_swap_is_let():
    found, before = cgroup_link()
    limits = before.limits._replace(swap_bytes=8 * GB)
    assert "Let cgroup `/build` use at least 2.1 GB of swap." in texts(found, before._replace(limits=limits))


@pytest.mark.parametrize(
    ("held", "first"), [(800 * MB, "Link with lld (-fuse-ld=lld -Wl,-S), or with mold."), (MB, LLD)]
)
def test_lld_keeps_no_debug_information_where_its_input_may_not_fit_into_ram(held, first):
    assert texts(verdict(program="ld", output="bin/app"), report((link(held),)))[0] == first


def test_nobody_is_told_to_use_the_linker_that_failed():
    for linker in ("lld", "mold"):
        found = texts(verdict(program=linker, output="bin/app"), report((link(800 * MB, linker),)))
        assert found
        assert not any(f"with {linker}" in text for text in found)


def test_an_option_that_the_link_has_already_is_not_advised():
    failed = link(800 * MB, argv=("g++", "-fuse-ld=lld", "-Wl,-S,-O1", "-o", "bin/app", "main.o"), heaviest="ld.lld")
    assert not any("-S" in text for text in texts(verdict(output="bin/app"), report((failed,))))


def test_options_that_trade_ram_for_addresses_are_taken_back_where_ram_ran_out():
    argv = ("g++", "-fuse-ld=gold", "-Wl,--no-map-whole-files,--no-mmap-output-file", "-o", "bin/app", "libapp.a")
    found = texts(verdict(output="bin/app"), report((link(400 * MB, "ld.gold", argv=argv),)))
    assert "Link without --no-map-whole-files and --no-mmap-output-file: they save addresses and cost RAM." in found
    assert GOLD_SPARING not in found


def four_compiles(culprit=260, others=(220, 200, 180), **more):
    edges = [edge(i, f"src/big{i}.cpp.o", 30.0 + i, None, held * MB) for i, held in enumerate(others)]
    failed = edge(8, "src/master.cpp.o", 40.0, 60.0, culprit * MB, exit_status=1, **more)
    return report((edge(7, "src/long_gone.cpp.o", 1.0, 20.0, 700 * MB), *edges, failed), samples=samples(60))


MASTER = verdict(program="cc1plus", output="src/master.cpp.o")


def test_of_a_killed_link_half_may_still_have_been_before_it():
    """What took 400 of 925 MB may have needed 800: without debug information it fits, 600 MB would not."""
    small = Limits(memory_bytes=925 * MB)
    assert "Link without debug information: -Wl,-S,--no-keep-memory,--reduce-memory-overheads." in texts(
        verdict(output="bin/app"), report((link(400 * MB),), small)
    )
    found = texts(verdict(output="bin/app"), report((link(800 * MB),), small))
    assert not any("keep-memory" in text for text in found)


def test_edges_that_did_not_fit_together_are_built_with_as_many_jobs_as_would_have():
    found = pairs(MASTER, four_compiles())
    assert found[0] == (
        "Build with at most 3 edges at once: -j3.",
        "4 edges ran then and held at most 860 MB together (src/master.cpp.o 260 MB, src/big0.cpp.o 220 MB, "
        "src/big1.cpp.o 200 MB, src/big2.cpp.o 180 MB); there were 832 MB of RAM and no swap; "
        "the 3 largest have 680 MB.",
    )


def test_one_edge_at_a_time_where_only_the_largest_fits():
    assert texts(MASTER, four_compiles(600, (500, 400)))[0] == (
        "Build one edge at a time: -j1, or in ninja a pool of depth 1 for the largest ones."
    )


def test_fewer_jobs_are_not_advised_where_the_largest_does_not_fit_alone():
    found = texts(MASTER, four_compiles(820, (10,)))
    assert not any("-j" in text for text in found)
    assert "Compile the largest sources with clang." in found


def test_fewer_jobs_are_not_advised_where_nothing_ran_beside():
    assert not any("-j" in text for text in texts(MASTER, four_compiles(820, ())))


def test_a_compile_gets_what_makes_it_smaller_and_the_swap_that_was_missing():
    assert pairs(MASTER, four_compiles(800, ())) == [
        (
            "Compile the largest sources with clang.",
            "For the largest sources of Mesos 1.1.0 clang took 0.60 of gcc's memory: here 480 MB or more instead of "
            "the 800 MB that cc1plus held when it was killed; there were 832 MB of RAM and no swap.",
        ),
        (
            "Compile it with less debug information: -g1 or -g0.",
            "For the largest sources of Mesos 1.1.0 gcc took 0.83 of the memory with -g0: here 666 MB or more instead "
            "of the 800 MB that cc1plus held when it was killed; there were 832 MB of RAM and no swap.",
        ),
        (
            COLLECT,
            "For the largest sources of Mesos 1.1.0 it took 0.81 of the memory and 1.8 times as long: here 644 MB or "
            "more instead of the 800 MB that cc1plus held when it was killed; there were 832 MB of RAM and no swap.",
        ),
        (
            "Add at least 256 MB of swap.",
            "cc1plus held 800 MB when it was killed, and would have grown on; there were 832 MB of RAM and no swap.",
        ),
        (
            "Add at least 512 MB of zram, which is faster than swap on a card.",
            "Full, it takes 171 MB of 832 MB of RAM, if memory compresses 3 times.",
        ),
    ]


def test_debug_information_that_is_not_made_is_not_left_out():
    argv = ("g++", "-O2", "-c", "x.cpp", "-o", "x.o")
    assert not any("-g" in text for text in texts(MASTER, four_compiles(800, (), argv=argv)) if text != COLLECT)
    argv = ("g++", "-g", "-g0", "-c", "x.cpp", "-o", "x.o")
    assert not any("debug" in text for text in texts(MASTER, four_compiles(800, (), argv=argv)))


def test_clang_is_not_advised_to_who_has_it():
    found = texts(verdict(output="src/master.cpp.o"), four_compiles(800, (), heaviest="clang-14", program="clang++"))
    assert found[0] == "Add at least 256 MB of swap."
    assert not any("clang" in text or "ggc" in text for text in found)


def test_zram_is_not_advised_where_ram_would_not_hold_a_third_of_it_or_where_it_is():
    assert not any("zram" in text for text in texts(MASTER, four_compiles(3000, ())))
    small = four_compiles(800, ())
    assert not any("zram" in text for text in texts(MASTER, small._replace(limits=Limits(zram_bytes=GB))))


def test_what_does_not_suffice_is_named_only_where_nothing_does_and_says_so():
    argv = ("g++", "-O2", "-g", "-c", "x.cpp", "-o", "x.o")
    found = advised(replace(MASTER, kind="thrashing"), four_compiles(2000, (), argv=argv))
    assert found
    assert all(each.because.endswith(" It helps, but is not enough alone.") for each in found)


def test_thrashing_gets_no_swap_and_runs_alone():
    found = texts(verdict("thrashing", program="cc1plus", output="src/master.cpp.o"), four_compiles(850, (500, 400)))
    assert "Build one edge at a time: -j1, or in ninja a pool of depth 1 for the largest ones." in found
    assert not any("of swap" in text for text in found)


def test_a_cgroup_that_swapped_gets_a_higher_limit_where_the_machine_has_it():
    limits = Limits(memory_bytes=8 * GB, swap_bytes=GB, cgroup_limit_bytes=200 * MB)
    swapped = four_compiles(500, ())._replace(limits=limits)
    found = verdict("thrashing", scope="cgroup", program="cc1plus", output="src/master.cpp.o")
    assert pairs(found, swapped)[-1] == (
        "Raise the memory limit of the cgroup to at least 512 MB.",
        "cc1plus held 500 MB; there were 200 MB of the cgroup's limit, and what is in swap beyond that is slow.",
    )
    small = swapped._replace(limits=limits._replace(memory_bytes=300 * MB))
    assert not any("limit" in text or "swap" in text or "zram" in text for text in texts(found, small))


# -- overcommit, disk, and what is not known ----------------------------------------------------------------------


def test_strict_overcommit_gets_computed_figures():
    limits = Limits(memory_bytes=4 * GB, swap_bytes=0, overcommit_mode=2, commit_limit_bytes=2 * GB, committed_bytes=GB)
    assert pairs(verdict("overcommit", bytes=2 * GB), report((), limits)) == [
        (
            "Set `sysctl vm.overcommit_memory=0`: memory is then refused when it is used up.",
            "3.0 GB were promised or asked for, the commit limit is 2.0 GB (vm.overcommit_memory=2).",
        ),
        (
            "Add 1.5 GB of swap: it counts in full towards the commit limit.",
            "3.0 GB were promised or asked for, the commit limit is 2.0 GB (vm.overcommit_memory=2).",
        ),
        (
            "Set `sysctl vm.overcommit_ratio=83`.",
            "3.0 GB were promised or asked for, the commit limit is 2.0 GB (vm.overcommit_memory=2).",
        ),
    ]


def test_a_single_large_request_is_granted_by_mode_1():
    found = pairs(verdict("overcommit", bytes=2 * GB), report((), Limits(memory_bytes=GB, committed_bytes=GB)))
    assert found == [
        (
            "Set `sysctl vm.overcommit_memory=1`, so that a large request is granted and only its use counts.",
            "3.0 GB were promised or asked for; RAM and swap are 1.0 GB, and one request beyond that is refused "
            "(vm.overcommit_memory=0).",
        )
    ]


def full(tree, temporary):
    rows = tuple((*row[:-2], tree, temporary) for row in samples(5).rows)
    return report((), Limits(free_disk_bytes=3 * GB), samples=samples(5)._replace(rows=rows))


def test_the_file_system_that_is_full_is_named():
    assert pairs(verdict("disk-full"), full(2 * MB, GB))[0] == (
        "Free disk where the build tree is, or move it.",
        "2 MB were left there; the build used 3.0 GB until then.",
    )
    assert pairs(verdict("disk-full", bytes=8 * MB), full(GB, MB)) == [
        (
            "Set TMPDIR to a directory with room, or compile with -pipe.",
            "1 MB were left for temporary files, 1.0 GB where the build tree is, and 8 MB more were to be written.",
        )
    ]


def test_a_limit_of_a_files_size_is_no_full_disk():
    found = pairs(verdict("disk-full"), report((), Limits(rlimit_fsize_bytes=64 * MB)))
    assert found == [("Lift the limit of a file's size: `ulimit -f unlimited`.", "A file may have at most 64 MB here.")]


def test_a_refusal_without_a_cause_says_how_to_find_it():
    found = texts(verdict("alloc-failed", program="ld.bfd", output="bin/app", confidence="likely"), None)
    assert found == [
        "Find out which limit it was, on the machine that built: `ulimit -v; getconf LONG_BIT; "
        "cat /proc/sys/vm/overcommit_memory; grep -E 'Mem|Swap|Commit' /proc/meminfo`.",
        "Link without debug information, which helps whichever limit it was: "
        "-Wl,-S,--no-keep-memory,--reduce-memory-overheads.",
        "Build under the agent (`arm-ci build`, or a builder of arm_ci), and give its report with `--report`.",
    ]


def test_a_refusal_with_memory_to_spare_comes_from_a_limit_of_the_builds_own():
    roomy = report((link(100 * MB),), samples=samples(60)._replace(rows=samples(60).rows[:30]))
    assert pairs(verdict("alloc-failed", program="ld", output="bin/app"), roomy)[0] == (
        "Look for a limit that the build sets itself, such as a `ulimit -v` in its rules.",
        "ld held 100 MB, and 430 MB of RAM were free all the time; the command itself began without such a limit.",
    )


def test_what_could_not_be_seen_is_advised_where_it_would_settle_the_cause():
    view = (
        "For a surer verdict the next time: cgroup_enable=memory cgroup_memory=1 in cmdline.txt (memory cgroup); "
        "psi=1 in cmdline.txt (memory pressure).",
        "Not to be seen here: memory cgroup (no controller); memory pressure (/proc/pressure/memory is not there).",
    )
    blind = report(visibility=BLIND)
    assert pairs(verdict("unknown"), blind) == [view]
    assert pairs(replace(MASTER, confidence="likely"), blind)[-1] == view
    assert view not in pairs(MASTER, blind)


@pytest.mark.parametrize("kind", sorted(set(get_args(Kind)) - {*MEMORY_KINDS, "disk-full", "worker-lost", "unknown"}))
def test_what_is_not_about_memory_gets_no_advice_about_memory(kind):
    assert advised(verdict(kind, program="cc1plus", output="src/master.cpp.o"), four_compiles()) == ()
    assert advised(verdict(kind, program="ld", output="bin/app"), None) == ()


def test_of_a_linker_that_nobody_names_no_option_of_its_own_is_advised_nor_what_that_would_save():
    failed = link(MB, "", argv=("c++", "-o", "bin/app", "main.o"), program="c++")
    assert pairs(verdict("alloc-failed", output="bin/app"), report((failed,)))[-1] == (
        "Link without debug information, which helps whichever limit it was: -Wl,-S.",
        "For mesos-execute 1.1.0 bfd took 1,782 instead of 2,492 MB of anonymous memory and 1,821 instead of "
        "2,507 MB of addresses.",
    )


def test_a_lost_worker_gets_advice_about_memory_only_where_it_had_run_out():
    lost = verdict("worker-lost")
    assert "Build with at most 2 edges at once: -j2." in texts(lost, four_compiles(300, (300, 300)))
    idle = four_compiles()._replace(samples=samples(60)._replace(rows=samples(60).rows[:10]))
    assert advised(lost, idle) == ()


SIZES = st.none() | st.integers(0, 1 << 50)


@given(
    kind=st.sampled_from(get_args(Kind)),
    scope=st.sampled_from(["system", "cgroup", ""]),
    program=st.none() | st.sampled_from(["cc1plus", "ld", "ld.gold", "mold", "lld", "clang++", "x", "/usr/bin/", ""]),
    output=st.none() | st.sampled_from(["bin/app", "src/x.o", "", "/", ".."]),
    asked=SIZES,
    used=SIZES,
    had=SIZES,
    there=st.none()
    | st.builds(
        report,
        st.lists(
            st.builds(
                edge,
                st.just(1),
                st.sampled_from(["bin/app", "src/x.o", ""]),
                st.just(1.0),
                st.sampled_from([None, 2.0]),
                st.integers(0, 1 << 40),
                argv=st.sampled_from([(), COMPILE, LINK]),
                kind=st.sampled_from(["compile", "link", "other"]),
                exit_status=st.sampled_from([0, 1]),
            ),
            max_size=4,
        ).map(tuple),
        st.builds(
            Limits,
            memory_bytes=st.integers(0, 1 << 40),
            swap_bytes=st.integers(0, 1 << 40),
            address_bits=st.sampled_from([32, 64]),
            address_top_bytes=SIZES,
            rlimit_as_bytes=SIZES,
            overcommit_mode=st.integers(0, 2),
            commit_limit_bytes=SIZES,
            cgroup_limit_bytes=SIZES,
            cgroup_swap_limit_bytes=SIZES,
        ),
    ),
)
def test_every_combination_of_facts_gets_sentences(kind, scope, program, output, asked, used, had, there):
    made = verdict(kind, scope=scope, program=program, output=output, bytes=asked, used_bytes=used, had_bytes=had)
    for each in advised(made, there):
        assert each.text.endswith(".")
        assert each.because.endswith(".")
        assert "None" not in each.text + each.because
        assert "-j0" not in each.text
