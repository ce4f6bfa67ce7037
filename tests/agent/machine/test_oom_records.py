"""What the kernel's OOM killer wrote is read whole, of every kernel from 3.x to 6.x and in every log format."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arm_ci.agent.machine import oom_records
from arm_ci.agent.machine.oom_records import MOST_RECORDS, OomParser, parse_oom_records
from arm_ci.agent.report import OomRecord

MEASURED = Path(__file__).resolve().parents[2] / "data" / "measurements" / "kernel"

CGROUP_6_1 = """\
ld invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=300
CPU: 1 PID: 902 Comm: ld Not tainted 6.1.0-13-arm64 #1  Debian 6.1.55-1
Call trace:
 oom_kill_process+0x2ec/0x2f0
memory: usage 921600kB, limit 921600kB, failcnt 4411
swap: usage 524288kB, limit 524288kB, failcnt 12
Memory cgroup stats for /build/edge:
anon 930000000
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[    900]  1000   900      580      100    40960       24           300 sh
[    901]  1000   901      995      208    40960        0           300 collect2
[    902]  1000   902    40000   225000  2064384   131000           300 ld
oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/build,task_memcg=/build/edge,task=ld,pid=902,uid=1000
Memory cgroup out of memory: Killed process 902 (ld) total-vm:160000kB, anon-rss:8990kB, file-rss:924kB, shmem-rss:100kB
oom_reaper: reaped process 902 (ld), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
""".splitlines()

GLOBAL_6_12 = """\
cc1plus invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, oom_score_adj=0
Mem-Info:
Free swap  = 4kB
Total swap = 102396kB
60928 pages RAM
0 pages HighMem/MovableOnly
1024 pages reserved
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name
[     50]     0    50      300       10        5        5         0    49152       12             0 systemd-journal
[   1234]  1000  1234    50000    40000    39000     1000         0   409600     2000             0 cc1plus
oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=cc1plus,pid=1234,uid=1000
Out of memory: Killed process 1234 (cc1plus) total-vm:800000kB, anon-rss:624000kB, file-rss:16000kB, shmem-rss:0kB
""".splitlines()

CGROUP_4_9 = """\
cc1plus invoked oom-killer: gfp_mask=0x24000c0(GFP_KERNEL), nodemask=0, order=0, oom_score_adj=0
Task in /job/a killed as a result of limit of /job
memory: usage 102400kB, limit 102400kB, failcnt 26
memory+swap: usage 110592kB, limit 112640kB, failcnt 3
kmem: usage 528kB, limit 9007199254740988kB, failcnt 0
Memory cgroup stats for /job/a: cache:0KB rss:101856KB rss_huge:0KB
[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name
[ 4100]     0  4100      995      208       5       3        0             0 g++
[ 4101]     0  4101    40464    25464      60       3     2048             0 cc1plus
Memory cgroup out of memory: Kill process 4101 (cc1plus) score 968 or sacrifice child
Killed process 4101 (cc1plus) total-vm:161856kB, anon-rss:101000kB, file-rss:856kB
""".splitlines()


def stamped(lines, form):
    return [form.format(i=i, line=line) for i, line in enumerate(lines)]


def test_a_kill_in_a_cgroup_has_its_limit_and_the_swap_of_the_killed():
    assert parse_oom_records(stamped(CGROUP_6_1, "[  473.1000{i:02}] {line}")) == [
        OomRecord(
            program="ld",
            pid=902,
            scope="cgroup",
            cgroup="/build",
            task_cgroup="/build/edge",
            total_virtual_bytes=160000 * 1024,
            anonymous_bytes=8990 * 1024,
            file_bytes=1024 * 1024,
            swap_bytes=131000 * 4096,
            limit_bytes=921600 * 1024,
            free_swap_bytes=0,
            seconds=473.100014,
            text=CGROUP_6_1[14],
            line=15,
        )
    ]


def test_a_kill_of_the_whole_machine_has_its_memory_in_pages_of_the_size_that_the_block_shows():
    (record,) = parse_oom_records(stamped(GLOBAL_6_12, "[   98.7{i:02}000] {line}"))
    assert (record.program, record.pid, record.scope, record.cgroup, record.task_cgroup) == (
        "cc1plus",
        1234,
        "system",
        "",
        "/",
    )
    assert record.swap_bytes == 2000 * 16384
    assert record.limit_bytes == (60928 - 1024) * 16384
    assert record.free_swap_bytes == 4096


def test_the_page_size_can_be_given_where_the_block_does_not_show_it():
    lines = [line for line in GLOBAL_6_12 if "pid" not in line]
    (record,) = parse_oom_records(lines, page_bytes=16384)
    assert (record.limit_bytes, record.swap_bytes) == ((60928 - 1024) * 16384, None)
    (record,) = parse_oom_records(lines)
    assert record.limit_bytes == (60928 - 1024) * 4096


def test_an_old_kernel_says_scope_and_kill_in_two_lines():
    (record,) = parse_oom_records(stamped(CGROUP_4_9, "[12.{i:06}] {line}"))
    assert record == OomRecord(
        program="cc1plus",
        pid=4101,
        scope="cgroup",
        cgroup="/job",
        task_cgroup="/job/a",
        total_virtual_bytes=161856 * 1024,
        anonymous_bytes=101000 * 1024,
        file_bytes=856 * 1024,
        swap_bytes=2048 * 4096,
        limit_bytes=102400 * 1024,
        free_swap_bytes=2048 * 1024,
        seconds=12.00001,
        text="Killed process 4101 (cc1plus) total-vm:161856kB, anon-rss:101000kB, file-rss:856kB",
        line=11,
    )


def test_an_old_kernel_may_kill_a_child_of_the_one_it_chose():
    (record,) = parse_oom_records(
        [
            "Out of memory: Kill process 20 (make) score 9 or sacrifice child",
            "Killed process 21 (cc1plus) total-vm:8kB, anon-rss:4kB, file-rss:0kB",
        ]
    )
    assert (record.program, record.pid, record.scope) == ("cc1plus", 21, "system")


def test_a_kernel_that_names_its_choice_twice_made_one_kill():
    (record,) = parse_oom_records(
        [
            "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/a,task=x,pid=7,uid=0",
            "Out of memory: Kill process 7 (x) score 900 or sacrifice child",
            "Killed process 7 (x) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB",
        ]
    )
    assert (record.scope, record.task_cgroup, record.line) == ("system", "/a", 3)


@pytest.mark.parametrize(
    ("line", "scope"),
    [
        ("Killed process 12 (ld) total-vm:8kB, anon-rss:4kB, file-rss:2kB", ""),
        ("Killed process 12 (ld), UID 1000, total-vm:8kB, anon-rss:4kB, file-rss:2kB, shmem-rss:0kB", ""),
        ("Out of memory: Killed process 12 (ld) total-vm:8kB, anon-rss:4kB, file-rss:2kB, shmem-rss:0kB", "system"),
        ("Out of memory (oom_kill_allocating_task): Killed process 12 (ld) total-vm:8kB, anon-rss:4kB", "system"),
        ("Memory cgroup out of memory: Killed process 12 (ld) total-vm:8kB, anon-rss:4kB, file-rss:2kB", "cgroup"),
    ],
)
def test_each_kernel_words_the_kill_differently(line, scope):
    (record,) = parse_oom_records([line])
    assert (record.program, record.pid, record.scope, record.total_virtual_bytes, record.anonymous_bytes) == (
        "ld",
        12,
        scope,
        8192,
        4096,
    )
    assert record.text == line


@pytest.mark.parametrize("name", ["a b", "(sd-pam)", "x)y", "kworker/0:1", "a,pid=3", "ü"])
def test_a_name_is_read_as_the_kernel_has_it(name):
    (record,) = parse_oom_records([f"Out of memory: Killed process 5 ({name}) total-vm:8kB, anon-rss:4kB"])
    assert (record.program, record.pid) == (name, 5)


@pytest.mark.parametrize(
    ("form", "seconds"),
    [
        ("{line}", None),
        ("[  473.158886] {line}", 473.158886),
        ("[  473.158886][  T164] {line}", 473.158886),
        ("[  473.158886] [  T164] {line}", 473.158886),
        ("<3>[  473.158886] {line}", 473.158886),
        ("[Tue Nov 24 08:17:01 2026] {line}", None),
        ("[Nov24 08:17] {line}", None),
        ("Nov 24 08:17:01 pi-3 kernel: {line}", None),
        ("Nov  4 08:17:01 pi-3 kernel: [  473.158886] {line}", 473.158886),
        ("[  473.158886] pi-3 kernel: {line}", 473.158886),
        ("2026-11-24T08:17:01.123456+01:00 pi-3 kernel: [  473.158886] {line}", 473.158886),
        ("2026-11-24T08:17:01Z [  473.158886] {line}", 473.158886),
        ("Di 2026-11-24 08:17:01 CET pi-3 kernel: {line}", None),
        ("6,1234,473158886,-;{line}", 473.158886),
        ("3,1234,473158886,-,caller=T164;{line}", 473.158886),
        ("\x1b[32m[  473.158886] \x1b[0m\x1b[31m{line}\x1b[0m", 473.158886),
        ("08:17:01 {line}", None),
        ("board-1  | [  473.158886] {line}", 473.158886),
        ("{line}\r\n", None),
    ],
)
@pytest.mark.parametrize("block", [CGROUP_6_1, GLOBAL_6_12, CGROUP_4_9], ids=["6.1", "6.12", "4.9"])
def test_every_log_format_is_read_alike(block, form, seconds):
    (plain,) = parse_oom_records(block)
    (record,) = parse_oom_records(form.format(line=line) for line in block)
    assert record == plain._replace(seconds=seconds)


@pytest.mark.parametrize(
    "line",
    [
        'puts("Out of memory: Killed process 12 (ld) total-vm:8kB, anon-rss:4kB");',
        "Nov 24 08:17:01 pi-3 logger[77]: Out of memory: Killed process 12 (ld) total-vm:8kB, anon-rss:4kB",
        "test 3: Out of memory: Killed process 12 (ld) total-vm:8kB, anon-rss:4kB ... ok",
        "+ echo oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),global_oom,task_memcg=/,task=x,pid=7,uid=0",
        "g++ -c oom_kill.c # Out of memory: Kill process 7 (x) score 900 or sacrifice child",
        "Out of memory and no killable processes...",
        "oom_reaper: reaped process 902 (ld), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
        "Kill process 4 (g++) sharing same memory",
        "ld invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=300",
        "Killed",
        "Killed process 12",
    ],
)
def test_words_that_are_not_the_kernels_are_no_kill(line):
    assert parse_oom_records([line]) == []


def test_a_group_that_dies_together_shares_scope_limit_and_table():
    group = [
        *CGROUP_6_1,
        "Tasks in /build/edge are going to be killed due to memory.oom.group set",
        "Memory cgroup out of memory: Killed process 900 (sh) total-vm:2320kB, anon-rss:300kB, file-rss:100kB",
        "Memory cgroup out of memory: Killed process 901 (collect2) total-vm:3980kB, anon-rss:800kB, file-rss:32kB",
    ]
    records = parse_oom_records(group)
    assert [(each.program, each.cgroup, each.limit_bytes, each.swap_bytes) for each in records] == [
        ("ld", "/build", 921600 * 1024, 131000 * 4096),
        ("sh", "/build", 921600 * 1024, 24 * 4096),
        ("collect2", "/build", 921600 * 1024, 0),
    ]


def test_a_block_takes_nothing_from_the_one_before():
    later = "Out of memory: Killed process 902 (x) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB"
    first, second, third = parse_oom_records([*CGROUP_6_1, later, *GLOBAL_6_12])
    assert (first.scope, third.scope) == ("cgroup", "system")
    assert second == OomRecord("x", 902, "system", "", "", 8192, 4096, 0, text=later, line=17)
    assert third.limit_bytes == (60928 - 1024) * 16384


def test_a_log_that_begins_within_a_block_loses_only_what_is_not_there():
    (record,) = parse_oom_records(CGROUP_6_1[5:])
    assert (record.program, record.scope, record.limit_bytes) == ("ld", "cgroup", None)


def test_a_log_that_ends_before_the_kill_still_names_the_choice():
    (record,) = parse_oom_records(CGROUP_6_1[:14])
    assert (record.program, record.pid, record.scope, record.swap_bytes) == ("ld", 902, "cgroup", 131000 * 4096)
    assert (record.text, record.line) == (CGROUP_6_1[13], 14)
    assert record.anonymous_bytes is None


def test_a_swap_limit_that_is_none_is_not_told_as_one():
    lines = [line.replace("limit 524288kB", "limit 9007199254740988kB") for line in CGROUP_6_1]
    (record,) = parse_oom_records(lines)
    assert record.free_swap_bytes is None


def test_of_endless_kills_the_last_are_kept():
    line = "Out of memory: Killed process {} (x) total-vm:8kB, anon-rss:4kB, file-rss:0kB"
    records = parse_oom_records(line.format(i) for i in range(MOST_RECORDS + 5))
    assert [records[0].pid, records[-1].pid, len(records)] == [5, MOST_RECORDS + 4, MOST_RECORDS]


def test_an_endless_table_of_tasks_is_not_kept():
    parser = OomParser()
    parser.feed(CGROUP_6_1[9])
    for i in range(oom_records._MOST_TASKS + 100):
        parser.feed(f"[ {i}]  1000   900      580      100    40960       24           300 sh")
    assert len(parser._block.tasks) == oom_records._MOST_TASKS


PIECES = st.sampled_from(
    [
        *CGROUP_6_1,
        *GLOBAL_6_12,
        *CGROUP_4_9,
        "[  473.158886] ",
        "6,1,2,-;",
        "Killed process ",
        "oom-kill:constraint=CONSTRAINT_MEMCG,",
        ",task=",
        ",pid=",
        "(",
        ") total-vm:",
        "[ pid ] uid tgid total_vm",
        " swapents name",
        "[ 1] 1 1 1 ",
        "9" * 400,
        "-1 ",
        "\0",
        "\x1b[",
        "\x1b[31m",
        "\ud800",
        "kernel:",
        "[" * 200,
        " " * 500,
        "\N{ARABIC-INDIC DIGIT THREE}",
        "\N{SUPERSCRIPT TWO}",
    ]
)


@given(st.lists(st.lists(PIECES | st.text(max_size=20), max_size=4).map("".join), max_size=30))
def test_nothing_that_a_log_holds_raises(lines):
    for record in parse_oom_records(lines):
        assert record.pid >= 0
        assert 1 <= record.line <= len(lines)


@pytest.mark.parametrize(
    "piece", [" ", "[", "a.", "Killed process 1 (", "kernel: ", ",task=", "\x1b[0", "9", "[ 1] 1 1 "]
)
def test_a_line_without_end_is_read_to_its_end(piece):
    # Anything that looks at each byte more than a few times would not come back for hours.
    line = piece * (8_000_000 // len(piece))
    assert parse_oom_records([CGROUP_6_1[9], line, line]) == []


@pytest.mark.parametrize(
    ("name", "program", "scope"), [("cgroup", "cc1plus", "cgroup"), ("global", "python3", "system")]
)
def test_blocks_of_a_real_machine_are_read(name, program, scope):
    (record,) = parse_oom_records((MEASURED / f"oom-{name}-arm64-6.1.txt").read_text().splitlines())
    assert (record.program, record.scope) == (program, scope)
    assert None not in record


def test_it_needs_no_more_than_python_3_7():
    pytest.importorskip("vermin", reason="vermin is not installed")
    command = [sys.executable, "-c", "import vermin; vermin.main()", "-t=3.7-", "--no-tips", oom_records.__file__]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
