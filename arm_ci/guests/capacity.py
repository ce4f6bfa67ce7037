"""How many guests this machine can carry at once: the rule only.

RAM is what counts: a guest whose RAM is not there would be swapped, or killed with a build in it. Cores are shared,
but beyond one per core every guest only waits for the others. One guest may always run, however many cores it has.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from arm_ci.guests.machine import Machine


@dataclass
class Capacity:
    """What there is, and who has it."""

    memory_bytes: int
    """What all guests together may take of this machine's RAM."""
    cores: int
    _given: dict[str, Machine] = field(default_factory=dict)

    def refusal(self, machine: Machine) -> str:
        """Why this guest can never run here, even alone; empty: it can."""
        if machine.host_bytes > self.memory_bytes:
            return (
                f"the guest needs {machine.host_bytes >> 20} MB of memory with QEMU, "
                f"and guests may take {self.memory_bytes >> 20} MB of this machine"
            )
        return ""

    def has_room(self, name: str, machine: Machine) -> bool:
        """Whether the guest fits beside those that run; one that has its place already does."""
        others = [each for its, each in self._given.items() if its != name]
        if not others:
            return not self.refusal(machine)
        memory = sum(each.host_bytes for each in others) + machine.host_bytes
        return memory <= self.memory_bytes and sum(each.cpus for each in others) + machine.cpus <= self.cores

    def take(self, name: str, machine: Machine) -> bool:
        """Gives the guest its place, if there is one."""
        if not self.has_room(name, machine):
            return False
        self._given[name] = machine
        return True

    def give_back(self, name: str) -> None:
        """The guest has ended; one that had no place had none."""
        self._given.pop(name, None)
