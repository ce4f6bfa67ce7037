"""A link that died is repeated with every linker; the build tree stays as it was, whatever happens."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import limit, wait_for

from arm_ci.agent.edges.link_command import LinkError
from arm_ci.agent.link_trial.chosen_link import TrialOptions, choose_link
from arm_ci.agent.link_trial.trial import Trial, conditions_for, outcome_text, row_name
from arm_ci.agent.link_trial.trial_options import main
from arm_ci.agent.link_trial.trial_result import BROKEN, FAILED, FITS, REFUSED, TOO_SLOW, TrialResult, TrialRow
from arm_ci.agent.report import Edge, Limits, Report, ReportError

ROOT = Path(__file__).parents[3]
VERSIONS = {
    "ld.bfd": "GNU ld (GNU Binutils) 2.40",
    "ld.gold": "GNU gold (GNU Binutils 2.40) 1.16",
    "ld.lld": "LLD 19.1.4 (compatible with GNU linkers)",
}
# A compiler whose linkers each do one thing: lld links, bfd is killed, gold does what the file `gold` beside it says.
COMPILER = """
for word; do
  case $word in
    -fuse-ld=*) linker=${word#*=};;
    -Wl,--version) asked=1;;
    -Wl,-S) strip=1;;
  esac
  last=$word
done
if [ "$asked" ]; then exec "$PLACE/ld.${linker:-bfd}"; fi
echo "linking with ${linker:-bfd}"
case ${linker:-bfd} in
  lld) cp /bin/true "$last";;
  bfd) kill -9 $$;;
  gold) : > "$last"; . "$PLACE/gold";;
esac
"""


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    place = tmp_path / "bin"
    place.mkdir()
    for name, version in VERSIONS.items():
        script(place / name, f"echo '{version}'")
    script(place / "cc", COMPILER.replace("$PLACE", str(place)))
    (place / "gold").write_text("echo undefined reference; exit 1\n")
    for name in ("cp", "sleep", "yes", "true"):
        (place / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(place))
    return place


@pytest.fixture
def tree(tmp_path):
    directory = tmp_path / "build"
    (directory / "bin").mkdir(parents=True)
    (directory / "a.o").write_text("object")
    (directory / "bin" / "app").write_text("half a program")
    return directory


def link(tree, **different):
    values = {"argv": ("cc", "a.o", "-o", "bin/app"), "signal": 9, "exit_status": None, "end_seconds": 1.0}
    values.update(different)
    return Edge(values.pop("number", 3), values.pop("argv"), str(tree), "cc", "bin/app", "link", 0.0, **values)


def report(tree, *edges, **limits):
    return Report(edges=edges or (link(tree),), limits=Limits(**limits))


def contents(directory):
    return {str(path.relative_to(directory)): path.is_file() and path.read_bytes() for path in directory.rglob("*")}


def attempt(tree, **options):
    said = []
    result = Trial(report(tree), TrialOptions(**options), said.append).run()
    return result, said


# -- which link ---------------------------------------------------------------------------------------------------


def edge(number, output, status=0, kind="link", end=1.0, directory="/b"):
    return Edge(number, ("cc",), directory, "cc", output, kind, 0.0, end_seconds=end, exit_status=status)


def chosen(*edges, **options):
    return choose_link(Report(edges=edges), TrialOptions(**options)).number


def test_the_first_link_that_failed_is_tried():
    assert chosen(edge(0, "a.o", 1, "compile"), edge(1, "ok"), edge(2, "one", 1), edge(3, "two", 1)) == 2


def test_a_link_that_went_well_the_second_time_did_not_fail():
    assert chosen(edge(1, "one", 1), edge(2, "two", 1), edge(3, "../b/one")) == 2


def test_a_link_that_ran_when_the_report_ended_is_tried_where_none_failed():
    assert chosen(edge(1, "one"), edge(2, "two", None, end=None)) == 2


def test_a_link_is_named_by_output_last_part_or_number():
    edges = (edge(1, "x/app", 1), edge(2, "src/app", 1), edge(3, "app"))
    assert chosen(*edges, output="src/app") == 2
    assert chosen(*edges, output="app") == 3
    assert chosen(*edges[:2], output="app") == 1
    assert chosen(*edges, edge=2) == 2


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "no link failed; the report has one (number 1), two (number 2)"),
        ({"output": "three"}, "no link makes `three`; the report has one (number 1), two (number 2)"),
        ({"edge": 7}, "no link has the number 7; the report has one (number 1), two (number 2)"),
    ],
)
def test_where_there_is_no_such_link_those_that_there_are_are_named(options, message):
    with pytest.raises(LinkError) as caught:
        chosen(edge(1, "one"), edge(2, "two"), **options)
    assert str(caught.value) == message


def test_a_report_without_links_says_so():
    with pytest.raises(LinkError) as caught:
        chosen(edge(1, "a.o", 1, "compile"))
    assert str(caught.value) == "the report has no link"


# -- limits -------------------------------------------------------------------------------------------------------


def test_the_builds_limits_hold():
    then = Limits(cgroup_limit_bytes=900, cgroup_swap_limit_bytes=50, rlimit_as_bytes=7000)
    found = conditions_for(then, Limits(), TrialOptions(limit_seconds=5.0))
    assert (found.seconds, found.memory_bytes, found.swap_bytes, found.rlimit_as_bytes) == (5.0, 900, 50, 7000)


def test_a_limit_that_holds_here_anyway_is_not_set_again():
    then = Limits(cgroup_limit_bytes=900, cgroup_swap_limit_bytes=50)
    found = conditions_for(then, Limits(cgroup_limit_bytes=900), TrialOptions())
    assert (found.memory_bytes, found.swap_bytes) == (None, None)


def test_a_limit_that_is_asked_for_goes_before_the_builds():
    found = conditions_for(Limits(cgroup_limit_bytes=900), Limits(), TrialOptions(memory_bytes=500, swap_bytes=0))
    assert (found.memory_bytes, found.swap_bytes) == (500, 0)


# -- the trial ----------------------------------------------------------------------------------------------------


def test_every_linker_is_tried_and_the_tree_stays_as_it_was(tree, machine):
    before = contents(tree)
    result, said = attempt(tree)
    assert contents(tree) == before
    assert [(row.linker, row.options, row.ended) for row in result.rows] == [
        ("bfd", (), FAILED),
        ("lld", (), FITS),
        ("lld", ("-S",), FITS),
        ("lld", ("--threads=1",), FITS),
        ("lld", ("--threads=1", "-S"), FITS),
        ("gold", (), FAILED),
        ("gold", ("-S",), FAILED),
        ("gold", ("--no-map-whole-files", "--no-mmap-output-file"), FAILED),
        ("gold", ("--no-map-whole-files", "--no-mmap-output-file", "-S"), FAILED),
        ("bfd", ("-S",), FAILED),
        ("bfd", ("--no-keep-memory", "--reduce-memory-overheads"), FAILED),
        ("bfd", ("--no-keep-memory", "--reduce-memory-overheads", "-S"), FAILED),
    ]
    assert [row.as_built for row in result.rows] == [True] + [False] * 11
    assert (result.rows[0].signal, result.rows[5].exit_status) == (9, 1)
    assert result.rows[5].log == "linking with gold\nundefined reference\n"
    assert result.rows[1].output_bytes == os.path.getsize("/bin/true")
    assert result.absent == ("mold",)
    assert result.complete
    assert said[0] == "link trial of bin/app: asking for the linkers"
    assert said[1].startswith("1/12 as in the build (bfd): failed (signal 9), ")
    assert said[2].startswith("2/12 lld: fits, ")
    assert TrialResult.from_json(json.loads(json.dumps(result.to_json()))) == result


def test_only_what_is_asked_for_is_tried(tree, machine):
    result, _ = attempt(tree, only=("lld",))
    assert [row.linker for row in result.rows] == ["", "lld", "lld", "lld", "lld"]
    with pytest.raises(LinkError) as caught:
        attempt(tree, only=("mold",))
    assert str(caught.value) == "--only: there is no linker `mold` here; there are bfd, gold, lld"


@pytest.mark.parametrize(
    "does, ended, why",
    [
        ("exit 0", BROKEN, "it is no ELF file"),
        (
            'cp /bin/true "$last"; echo "ld: error: app(.debug_info) is too large (0x96000000 bytes)"',
            BROKEN,
            "ld: error: app(.debug_info) is too large (0x96000000 bytes)",
        ),
        ("echo \"ld.gold: unrecognized option '--x'\"; exit 1", REFUSED, "ld.gold: unrecognized option '--x'"),
        ("sleep 600", TOO_SLOW, ""),
        ("yes", TOO_SLOW, ""),
    ],
)
def test_how_a_link_ends_is_told_apart(tree, machine, does, ended, why):
    (machine / "gold").write_text(does + "\n")
    before = contents(tree)
    trial = Trial(report(tree, link(tree, argv=("cc", "-fuse-ld=gold", "a.o", "-s"))), TrialOptions(), print)
    trial.options = TrialOptions(only=("gold",), limit_seconds=0.5 if ended == TOO_SLOW else limit(60))
    rows = trial.run().rows
    assert [(row.ended, row.why) for row in rows] == [(ended, why)] * 2
    assert len(rows[0].log) <= 16384
    assert contents(tree) == before


def test_a_compiler_that_does_not_take_a_linker_is_a_row_of_its_own(tree, machine):
    script(machine / "ld.lld-20", "echo 'LLD 20.1.0 (compatible with GNU linkers)'")
    result, _ = attempt(tree, only=("lld-20",))
    assert row_name(result.rows[1]) == "lld-20"
    assert outcome_text(result.rows[1]) == "refused, the compiler does not take it: GNU ld (GNU Binutils) 2.40"


def test_a_memory_limit_that_cannot_be_set_is_no_result(tree, machine, monkeypatch):
    monkeypatch.setattr("arm_ci.agent.machine.cgroup.make", lambda: (None, "there is none"))
    with pytest.raises(LinkError) as caught:
        attempt(tree, memory_bytes=1 << 30)
    assert str(caught.value) == "agent: a memory limit needs a cgroup of our own, and there is none"
    assert not (tree / "bin" / "app.link-trial").exists()


def test_inputs_that_are_gone_are_told_before_anything_runs(tree, machine):
    (tree / "a.o").unlink()
    with pytest.raises(LinkError) as caught:
        attempt(tree)
    assert str(caught.value) == (
        "1 input of the link is no longer there, the first is `a.o`: build `bin/app` again up to its link"
    )
    with pytest.raises(LinkError) as caught:
        attempt(tree / "gone")
    assert str(caught.value) == f"the link's directory {tree}/gone is not there"


def test_what_a_killed_trial_left_behind_is_removed(tree, machine):
    before = contents(tree)
    (tree / "bin" / "app.link-trial").mkdir()
    (tree / "bin" / "app.link-trial" / "old").touch()
    attempt(tree, only=("lld",))
    assert contents(tree) == before


def test_another_machine_than_the_builds_is_noted(tree, machine):
    found = Trial(report(tree, memory_bytes=1000), TrialOptions(only=("lld",)), print).run()
    assert found.notes[0].startswith("The build's machine had 1000 bytes of RAM, this one has ")
    assert found.notes[0].endswith(": `--memory 1000` holds the links to that.")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_trial_that_is_interrupted_gives_what_it_has_and_leaves_nothing_behind(tree, machine, tmp_path, number):
    (machine / "gold").write_text(f": > {tmp_path}/reached; sleep 600\n")
    before = contents(tree)
    (tmp_path / "report.json").write_text(json.dumps(report(tree).to_json()))
    command = [sys.executable, "-m", "arm_ci.agent", "link-trial", "--report", "report.json", "--result", "result.json"]
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        wait_for((tmp_path / "reached").exists, "gold runs")
        process.send_signal(number)
        output, _ = process.communicate(timeout=limit(60))
    finally:
        process.kill()
    assert process.returncode == 0
    assert contents(tree) == before
    result = TrialResult.from_json(json.loads((tmp_path / "result.json").read_text()))
    assert not result.complete
    assert [row.linker for row in result.rows] == ["bfd", "lld", "lld", "lld", "lld"]
    assert output.splitlines()[-1].startswith("5/12 lld --threads=1 -S: fits, ")


# -- the command --------------------------------------------------------------------------------------------------


def test_the_command_ends_with_1_when_nothing_fits(tree, machine, tmp_path, capfd):
    (tmp_path / "report.json").write_text(json.dumps(report(tree).to_json()))
    words = ["--report", f"{tmp_path}/report.json", "--result", f"{tmp_path}/result.json"]
    assert main([*words, "--only", "bfd"]) == 1
    assert main(words) == 0


@pytest.mark.parametrize(
    "text, message",
    [
        (None, "link-trial: {}: No such file or directory\n"),
        ("nothing", "link-trial: not JSON: Expecting value: line 1 column 1 (char 0)\n"),
        ('{"schema": 1}', "link-trial: the report has no link\n"),
    ],
)
def test_a_report_that_does_not_do_is_a_sentence(tmp_path, capsys, text, message):
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)
    assert main(["--report", str(path), "--result", str(tmp_path / "result.json")]) == 2
    assert capsys.readouterr().err == message.format(path)


@pytest.mark.parametrize(
    "document, message",
    [
        ([], "not a link trial: an object with a number `schema` was expected"),
        ({"schema": 2}, "schema 2 is newer than 1, which this arm_ci reads"),
        ({"schema": 1}, "trial.link: is missing"),
        ({"rows": {}}, "trial.rows: a list was expected"),
        ({"schema": 1, "rows": [], "link": {}}, "trial.link.output: is missing"),
        ({"rows": [{"linker": 1}]}, "trial.rows[0].linker: a text was expected"),
        (
            {"rows": [{"linker": "a", "ended": "so"}]},
            "trial.rows[0].ended: one of fits, failed, too slow, broken, refused was expected",
        ),
        ({"rows": [{"linker": "a", "options": "-S"}]}, "trial.rows[0].options: a list was expected"),
        ({"rows": [{"linker": "a", "signal": "9"}]}, "trial.rows[0].signal: a whole number was expected, or null"),
        (
            {"rows": [{"linker": "a", "report": {}}]},
            "trial.rows[0].report: not a report: an object with a number `schema` was expected",
        ),
        (
            {"rows": [{"linker": "a", "report": {"schema": 1, "edges": [{"number": 1}]}}]},
            "trial.rows[0].report.edges[0].argv: is missing",
        ),
    ],
)
def test_a_result_that_is_none_is_refused_by_its_place(document, message):
    if isinstance(document, dict) and "schema" not in document:
        document = {"schema": 1, "link": {"output": "a", "directory": "b"}, "limits": {"seconds": 1}, **document}
    with pytest.raises(ReportError) as caught:
        TrialResult.from_json(document)
    assert str(caught.value) == message


def test_a_row_is_named_by_linker_and_options():
    assert row_name(TrialRow("lld", ("-S",))) == "lld -S"
    assert row_name(TrialRow("", ("-S",), as_built=True)) == "as in the build (its linker -S)"
    row = TrialRow("lld", ended=FITS, seconds=1.66, peak_anonymous_swap_bytes=342 << 20)
    assert outcome_text(row) == "fits, 342 MB anonymous, 1.7 s"
