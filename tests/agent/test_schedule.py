"""How often the agent does what it does again and again, by a clock that only counts."""

from arm_ci.agent.schedule import Schedule


def test_a_row_of_samples_comes_once_a_second_from_the_start_on():
    schedule = Schedule()
    clock = [tenth / 10 for tenth in range(41)]
    assert [now for now in clock if schedule.sample.is_due(now)] == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_who_comes_late_is_not_hurried_afterwards():
    schedule = Schedule()
    assert [now for now in (0.0, 2.5, 3.0, 3.4, 3.5) if schedule.sample.is_due(now)] == [0.0, 2.5, 3.5]
    assert schedule.sample.next_at == 4.5


def test_running_edges_are_noted_every_five_seconds():
    schedule = Schedule()
    assert [now for now in range(21) if schedule.note.is_due(float(now))] == [5, 10, 15, 20]
