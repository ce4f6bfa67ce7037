"""`arm-ci link-trial` as a person meets it: a real compiler and real linkers, one small link."""

import json
import shutil
import subprocess

import pytest

from arm_ci.agent.link_trial.trial_result import TrialResult
from arm_ci.cli import main

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not shutil.which("g++") or not shutil.which("ld.gold"), reason="needs g++ and gold"),
]


@pytest.fixture
def report(tmp_path):
    """The report of a build whose link found too little address space for gold."""
    tree = tmp_path / "tree"
    tree.mkdir()
    # Large enough to take a moment, so that its memory is seen.
    (tree / "main.s").write_text(".globl main\nmain: ret\n.data\n.rept 300000\n.quad main\n.endr\n")
    subprocess.run(["g++", "-c", "main.s"], cwd=tree, check=True)
    edge = {
        "number": 0,
        "argv": ["g++", "main.o", "-fuse-ld=gold", "-o", "app"],
        "directory": str(tree),
        "program": "g++",
        "output": "app",
        "kind": "link",
        "start_seconds": 0.0,
        "end_seconds": 1.0,
        "signal": 9,
    }
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"schema": 1, "edges": [edge]}))
    return path


def test_a_person_sees_progress_the_table_the_advice_and_the_settings(report, capsys):
    assert main(["link-trial", "--report", str(report), "--only", "gold"]) == 0
    output, progress = capsys.readouterr()
    assert progress.startswith("link trial of app: asking for the linkers\n1/4 as in the build (gold): fits, ")
    lines = output.splitlines()
    assert lines[0] == "Link of app: 4 ways tried, 4 fit."
    assert "what to change, best first" in lines
    assert "  1. Run nothing beside the link of app: as it was in the build it fits alone." in lines
    assert any(line.startswith("for the compiler: -fuse-ld=gold") for line in lines)
    assert "in toolchains.yaml, under `linkers:`" in lines
    assert sorted(each.name for each in (report.parent / "tree").iterdir()) == ["main.o", "main.s"]


def test_the_machine_form_is_the_agents(report, capsys):
    assert main(["link-trial", "--report", str(report), "--only", "gold", "--json"]) == 0
    result = TrialResult.from_json(json.loads(capsys.readouterr().out))
    assert result.link.output == "app"
    assert [row.linker for row in result.rows] == ["gold"] * 4


def test_nothing_that_fits_is_a_failure(report, capsys):
    assert main(["link-trial", "--report", str(report), "--only", "gold", "--limit-seconds", "0"]) == 1
    assert capsys.readouterr().out.startswith("Link of app: 4 ways tried, none fits.\n")


@pytest.mark.parametrize(
    "words, message",
    [
        (["--output", "lib"], "arm-ci: link-trial: no link makes `lib`; the report has app (number 0)\n"),
        (["--edge", "4"], "arm-ci: link-trial: no link has the number 4; the report has app (number 0)\n"),
    ],
)
def test_a_link_that_is_not_there_is_a_sentence(report, capsys, words, message):
    assert main(["link-trial", "--report", str(report), *words]) == 2
    assert capsys.readouterr().err == message


def test_a_report_that_is_none_is_a_sentence(tmp_path, capsys):
    path = tmp_path / "report.json"
    assert main(["link-trial", "--report", str(path)]) == 2
    assert capsys.readouterr().err == f"arm-ci: link-trial: {path}: No such file or directory\n"
    path.write_text("{}")
    assert main(["link-trial", "--report", str(path)]) == 2
    assert capsys.readouterr().err == (
        f"arm-ci: --report: {path}: not a report: an object with a number `schema` was expected\n"
    )


def test_a_number_that_is_none_is_refused(report, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["link-trial", "--report", str(report), "--memory", "1G"])
    assert caught.value.code == 2
    assert "argument --memory: a whole number was expected, not `1G`" in capsys.readouterr().err
