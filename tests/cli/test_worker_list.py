"""`arm-ci worker list`, without a master."""

import json
import re
import time

import example

from arm_ci.cli import worker_list
from arm_ci.cli.worker_facts import Known, known_workers
from arm_ci.config import Config, load
from arm_ci.plan import Facts

MOMENT = time.strftime("%Y-%m-%d %H:%M", time.localtime(1790000000))


def facts(**more: object) -> Facts:
    return example.facts(**more)


def listed(config: Config, known: dict[str, Known] | None, *names: str) -> list[str]:
    rows = [worker_list.row(config, config.workers[name], known) for name in names]
    return worker_list.table(rows).splitlines()


def test_each_machine_has_a_line_with_what_was_seen_there(directory) -> None:
    known = {
        "rpi4-1": Known(connected=True, facts=facts(throttling=("undervoltage now",)), last_seen=1),
        "rpi5-1": Known(last_seen=1790000000, facts=facts()),
        "rpi-zero-2w-1": Known(connected=True, paused="quarantined: ..."),
    }
    names = ("rpi4-1", "rpi5-1", "rpi-zero-2w-1", "odroid-c2-1")
    assert listed(load(directory), known, *names) == [
        "worker         board        memory    swap      state                        builds             held back by",
        "rpi4-1         rpi4         8.0 GB    0 B       connected                    mesos 16, llvm 10  "
        "undervoltage now",
        f"rpi5-1         rpi5         8.0 GB    0 B       away since {MOMENT}  mesos 16, llvm 10  nothing",
        "rpi-zero-2w-1  rpi-zero-2w  (416 MB)  (4.0 GB)  paused, quarantined: ...     mesos 1            -",
        "odroid-c2-1    odroid-c2    (1.9 GB)  (8.0 GB)  never seen                   mesos 16           -",
        "4 workers",
        "In brackets: what the board's entry says; the machine has not built yet.",
    ]


def test_a_guest_that_does_not_run_is_neither_away_nor_never_seen(directory) -> None:
    config = load(directory)
    worker = config.workers["guest-arm64-1"]
    assert worker_list.row(config, worker, {})["state"] == "guest, started when needed"
    assert worker_list.row(config, worker, {worker.name: Known(connected=True)})["state"] == "connected"


def test_without_a_master_the_configuration_is_listed(run) -> None:
    status, out, err = run("list")
    assert status == 0
    assert re.search(r"^rpi4-1 +rpi4 +\(3\.7 GB\) ", out, re.MULTILINE)
    assert err.endswith(": `arm-ci start` starts it; below is what the configuration says\n")


def test_the_list_is_there_as_json(run) -> None:
    _, out, _ = run("list", "--json")
    (row,) = [each for each in json.loads(out) if each["name"] == "rpi4-1"]
    assert row["state"] == "unknown"
    assert row["variants"] == {"mesos": 16, "llvm": 10}
    assert row["probed"] is False


class FakeMaster:
    """A REST API with one worker and its builds."""

    def __init__(self, builds, data) -> None:
        self.builds, self.data = builds, data

    def items(self, path, **query):
        if path == "workers":
            worker = {"workerid": 4, "name": "rpi4-1", "connected_to": [], "workerinfo": {"last_seen": 50}}
            return [{**worker, "paused": True, "pause_reason": None}]
        assert path == "workers/4/builds"
        return self.builds

    def build_data(self, build_id, name):
        assert name == "probe"
        return self.data.get(build_id)


def test_the_newest_probe_counts_and_the_latest_sign_of_life() -> None:
    builds = [
        {"buildid": 9, "started_at": 90, "complete_at": None},
        {"buildid": 8, "started_at": 60, "complete_at": 80},
    ]
    found = known_workers(FakeMaster(builds, {8: example.probe_answer(facts())}))["rpi4-1"]
    assert (found.connected, found.paused, found.last_seen, found.probed_at) == (False, "by a person", 90, 60)
    assert found.facts == facts()
