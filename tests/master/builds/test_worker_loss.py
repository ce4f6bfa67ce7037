"""What is said about lost builds."""

from arm_ci.master.builds.worker_loss import Loss, again, duration, is_last, sentence, table

FIRST = str(Loss("pi-1", "connection closed", "build 120/463", 3725.2))
SECOND = str(Loss("pi-2", "silent for 300 s", "source", 95))
THIRD = str(Loss("pi-1", "connection closed", "", 2))


def test_a_loss_names_worker_step_progress_and_time():
    assert FIRST == "worker `pi-1` in build 120/463: connection closed after 62 min"
    assert SECOND == "worker `pi-2` in source: silent for 300 s after 95 s"
    assert THIRD == "worker `pi-1` before the first step: connection closed after 2 s"


def test_two_losses_are_followed_by_another_build():
    assert [is_last(losses) for losses in ([FIRST], [FIRST, SECOND])] == [False, False]
    assert sentence([FIRST]) == f"worker-lost: {FIRST}"
    assert sentence([FIRST, SECOND]) == f"worker-lost: {SECOND}"
    assert again([FIRST]) == f"worker lost: {FIRST}; built again, 2 of 3"
    assert again([FIRST, SECOND]) == f"worker lost: {SECOND}; built again, 3 of 3"


def test_the_third_ends_it_with_what_is_known():
    assert is_last([FIRST, SECOND, THIRD])
    assert sentence([FIRST, SECOND, THIRD]) == (
        "worker-lost: worker `pi-1` before the first step: connection closed after 2 s; 2 builds were lost before, "
        "see tries"
    )


def test_the_log_names_every_build():
    assert table([(7, FIRST), (9, SECOND)], {}) == f"build 7: {FIRST}\nbuild 9: {SECOND}\n"
    found = {7: "oom-kill: ld was killed"}
    assert table([(7, FIRST), (9, SECOND)], found) == (
        f"build 7: {FIRST}\n  afterwards on the worker: oom-kill: ld was killed\nbuild 9: {SECOND}\n"
    )


def test_durations_are_told_in_words_of_their_size():
    assert [duration(seconds) for seconds in (0.4, 119, 120, 7199, 7200, 36000)] == [
        "0 s",
        "119 s",
        "2 min",
        "120 min",
        "2.0 h",
        "10.0 h",
    ]
