"""What a link trial says, word for word: the table, the advice, the settings."""

from pathlib import Path

import pytest

from arm_ci.agent.link_trial.trial_result import (
    BROKEN,
    FAILED,
    FITS,
    REFUSED,
    TOO_SLOW,
    TrialLimits,
    TrialLink,
    TrialResult,
    TrialRow,
)
from arm_ci.agent.report import Edge, Kernel, Limits, OomRecord, Outcome, Report
from arm_ci.config import load
from arm_ci.diagnosis.advice.link_trial_advice import (
    best_rows,
    linker_flags,
    result_words,
    toolchain_entry,
    trial_advice,
    trial_table,
)

ROOT = Path(__file__).parents[3]
MB = 1 << 20
KILLED_LOG = "collect2: fatal error: ld terminated with signal 9 [Killed]\ncompilation terminated.\n"
GOLD_LOG = (
    "/usr/bin/ld.gold: fatal error: app: mmap: failed to allocate 950777280 bytes for output file: "
    "Cannot allocate memory\ncollect2: error: ld returned 1 exit status\n"
)


def report_of(row, limits, killed):
    edge = Edge(0, ("g++", "-o", "app"), "/b", "g++", "app", "link", 0.0, 9.0, row.exit_status, row.signal, pids=(7,))
    record = OomRecord("ld", 7, "cgroup", anonymous_bytes=900 * MB, limit_bytes=925 * MB, text="Killed process 7 (ld)")
    return Report(
        edges=(edge,),
        limits=limits,
        outcome=Outcome(row.exit_status, row.signal, seconds=9.0, complete=True),
        kernel=Kernel(oom_kills=int(killed), cgroup_oom_kills=int(killed), records=(record,) if killed else ()),
    )


def row(linker, *options, ended=FITS, need=300, virtual=2000, seconds=10.0, **different):
    values = {"exit_status": 0, "peak_rss_bytes": (need + 100) * MB, "program": f"ld.{linker}", **different}
    return TrialRow(
        linker,
        options,
        ended=ended,
        peak_anonymous_swap_bytes=need * MB,
        peak_virtual_bytes=virtual * MB,
        seconds=seconds,
        **values,
    )


def oom_killed(linker, *options, **different):
    found = row(linker, *options, ended=FAILED, need=900, exit_status=1, log=KILLED_LOG, **different)
    return found._replace(report=report_of(found, Limits(cgroup_limit_bytes=925 * MB, cgroup_version=1), True))


def refused_addresses(linker, *options, **different):
    found = row(linker, *options, ended=FAILED, virtual=3000, exit_status=1, log=GOLD_LOG, **different)
    return found._replace(report=report_of(found, Limits(memory_bytes=8192 * MB, rlimit_as_bytes=3000 * MB), False))


def result(*rows, **different):
    limits = different.pop("limits", TrialLimits(1200.0, 925 * MB, 0, None, 64, True))
    return TrialResult(TrialLink("app", "/b"), limits, rows, **different)


BUILT = oom_killed("bfd", as_built=True)


def test_the_table_has_what_fits_first_and_then_how_the_others_died():
    found = result(
        BUILT,
        row("gold", need=900, seconds=82.0),
        row("lld", need=362, virtual=2640, seconds=2.7),
        row("lld", "-S", need=342, virtual=2357, seconds=1.66),
        row("mold", ended=TOO_SLOW, need=633, seconds=1200.0, exit_status=143),
        row("gold", "--x", ended=REFUSED, why="ld.gold: --x: unknown option", need=1),
        row("bfd", "-S", ended=BROKEN, why="it is no ELF file"),
        absent=("mold",),
        notes=("A note.",),
        complete=False,
    )
    assert trial_table(found) == (
        "Link of app: 7 ways tried, 3 fit.\n"
        "Each alone, with 925 MB of memory (cgroup), no swap, at most 20 min.\n"
        "\n"
        "linker  options            result    anonymous + swap      RSS  addresses        time\n"
        "lld     -S                 fits                342 MB   442 MB     2.3 GB       1.7 s\n"
        "lld                        fits                362 MB   462 MB     2.6 GB       2.7 s\n"
        "gold                       fits                900 MB  1000 MB     2.0 GB  1 min 22 s\n"
        "mold                       too slow            633 MB   733 MB     2.0 GB      20 min\n"
        "bfd     (as in the build)  oom-kill            900 MB  1000 MB     2.0 GB        10 s\n"
        "bfd     -S                 broken              300 MB   400 MB     2.0 GB        10 s\n"
        "gold    --x                refused               1 MB   101 MB     2.0 GB        10 s\n"
        "\n"
        "gold --x: ld.gold: --x: unknown option\n"
        "bfd -S: it is no ELF file\n"
        "Not on this machine: mold.\n"
        "A note.\n"
        "The trial was stopped before its end.\n"
    )


def test_a_trial_of_one_way_and_of_other_limits_reads_well():
    limits = TrialLimits(90.0, 925 * MB, 100 * MB, 3000 * MB, 32, False)
    found = result(TrialRow("", by_directory=False, ended=FAILED, exit_status=1), limits=limits)
    assert trial_table(found) == (
        "Link of app: 1 way tried, none fits.\n"
        "Each alone, with 925 MB of memory, 100 MB of swap, 2.9 GB of addresses (ulimit -v), 32-bit programs, "
        "at most 1 min 30 s.\n"
        "\n"
        "linker  options  result   anonymous + swap  RSS  addresses  time\n"
        "?                unknown\n"
    )


def test_a_linker_that_is_given_by_a_directory_is_told_once():
    found = result(row("lld-19", by_directory=True), row("lld-19", "-S", by_directory=True))
    assert trial_table(found).splitlines()[-1] == (
        "lld-19 is used by a directory (-B): this compiler has no -fuse-ld= for it."
    )


def test_the_verdicts_kind_says_how_a_link_died():
    assert result_words(BUILT) == "oom-kill"
    assert result_words(refused_addresses("gold")) == "address-space"
    undefined = row("lld", ended=FAILED, exit_status=1, log="ld.lld: error: undefined symbol: f()\n")
    assert result_words(undefined) == "link-error"


def test_the_least_need_is_advised_with_its_figures():
    found = result(BUILT, row("gold", need=800), row("lld", need=362, virtual=2640, seconds=2.7), row("mold", need=633))
    (advice,) = trial_advice(found)
    assert advice.text == "Link app with lld."
    assert advice.because == (
        "It fits with 362 MB of anonymous memory and 2.6 GB of addresses, in 2.7 s; there were 925 MB of memory "
        "(cgroup), no swap. As in the build (bfd) it ended as oom-kill at 900 MB."
    )


def test_options_that_save_next_to_nothing_are_not_advised():
    found = result(BUILT, row("lld", need=362), row("lld", "--threads=1", need=358), row("lld", "-S", need=342))
    assert best_rows(found) == [found.rows[1]]
    found = result(BUILT, row("mold", need=633), row("mold", "-S", need=338))
    assert [each.text for each in trial_advice(found)] == [
        "Link app with mold.",
        "Link app with mold and -Wl,-S. The program is then without debug information.",
    ]


def test_what_fits_only_without_debug_information_says_so():
    found = result(BUILT, oom_killed("lld"), row("lld", "-S", need=342))
    assert [each.text for each in trial_advice(found)] == [
        "Link app with lld and -Wl,-S. The program is then without debug information."
    ]


def test_where_addresses_ran_out_addresses_decide():
    built = refused_addresses("gold", as_built=True)
    sparing = row("gold", "--no-map-whole-files", "--no-mmap-output-file", need=1963, virtual=2127)
    found = result(built, row("lld", need=362, virtual=2640), sparing)
    assert best_rows(found) == [sparing]
    assert trial_table(found).splitlines()[4].startswith("gold    --no-map-whole-files --no-mmap-output-file  fits")
    assert trial_advice(found)[0].because.endswith("As in the build (gold) it ended as address-space at 2.9 GB.")


def test_a_link_that_fits_alone_as_it_was_needs_no_other_linker():
    found = result(row("bfd", as_built=True, need=800), row("lld", need=362))
    assert [each.text for each in trial_advice(found)] == [
        "Run nothing beside the link of app: as it was in the build it fits alone.",
        "Link app with lld.",
    ]


def test_where_nothing_fits_the_least_is_named():
    (advice,) = trial_advice(result(BUILT, row("lld", ended=TOO_SLOW, need=362, exit_status=143)))
    assert advice.text == "Give the link of app more memory, or less to link: no linker on this machine makes it fit."
    assert advice.because == (
        "2 ways tried; there were 925 MB of memory (cgroup), no swap. "
        "The least had lld: 362 MB when it ended as too slow."
    )
    (advice,) = trial_advice(result(refused_addresses("gold", as_built=True)))
    assert advice.text == "Build on a 64-bit system, or link less into app: no linker here makes it fit."


def test_a_link_that_fails_for_another_reason_is_not_said_to_need_memory():
    undefined = row("lld", ended=FAILED, exit_status=1, log="ld.lld: error: undefined symbol: f()\n")
    (advice,) = trial_advice(result(undefined, row("gold", ended=REFUSED, why="unknown option")))
    assert advice.text == "Repair the link of app: memory is not what it fails for."
    assert advice.because == "2 ways tried: link-error, refused."


def test_linkers_that_are_not_there_are_advised():
    advice = trial_advice(result(BUILT, absent=("lld", "mold")))[-1]
    assert advice.text == "Install lld and mold on the worker and repeat the trial."
    assert advice.because == (
        "Not tried, for want of the program. For mesos-execute 1.1.0 the linkers took so much anonymous memory: "
        "bfd 2,492 MB, gold 1,605 MB, lld 362 MB, mold 633 MB."
    )
    assert len(trial_advice(result(BUILT, row("lld"), absent=("mold",)))) == 1


def test_flags_for_the_compiler():
    assert linker_flags(row("lld", "--threads=1", "-S")) == "-fuse-ld=lld -Wl,--threads=1 -Wl,-S"
    assert linker_flags(row("lld-19", by_directory=True)) == "-BDIRECTORY-WITH-ld.lld-19-AS-ld"


@pytest.mark.parametrize(
    "given, text",
    [
        (
            row("mold", program="mold"),
            "  mold:\n    program: ld.mold\n    selection: fuse-ld\n    compilers: {gcc: '>=12.1', clang: ''}\n",
        ),
        (
            row("lld", "--threads=1", "-S"),
            "  lld-threads-1-s:\n    program: ld.lld\n    selection: fuse-ld\n"
            "    compilers: {gcc: '>=9', clang: ''}\n    options: [--threads=1, -S]\n",
        ),
        (
            row("lld-19", by_directory=True),
            "  lld-19:\n    program: ld.lld-19\n    selection: directory\n    compilers: {gcc: '', clang: ''}\n",
        ),
        (
            row("bfd", "--no-keep-memory", "--reduce-memory-overheads", "-S"),
            "  bfd-no-keep-memory-reduce-memory-overheads-s:\n    program: ld.bfd\n    selection: fuse-ld\n"
            "    compilers: {gcc: '', clang: ''}\n    options: [--no-keep-memory, --reduce-memory-overheads, -S]\n",
        ),
    ],
)
def test_the_entry_for_toolchains_yaml_is_one_that_the_configuration_takes(tmp_path, given, text):
    assert toolchain_entry(given) == text
    name = text.split(":")[0].strip()
    (tmp_path / "toolchains.yaml").write_text(f"linkers:\n{text}")
    linker = load(tmp_path).linkers[name]
    assert linker.options == given.options
