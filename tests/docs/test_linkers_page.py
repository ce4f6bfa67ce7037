"""The table of linkers in docs/configuration.md says what the table of tools says."""

from __future__ import annotations

from reading import ROOT

from arm_ci.agent.tools import LINKERS, Linker

HEAD = "| linker | programs | gcc with `-fuse-ld=NAME` | memory per byte | maps its output |\n|---|---|---|---|---|\n"


def row(linker: Linker) -> str:
    since = {None: "none", "": "every version"}.get(linker.gcc_since, f"from {linker.gcc_since}")
    cells = (
        linker.name,
        ", ".join(f"`{program}`" for program in linker.programs),
        since,
        str(linker.memory_factor) if linker.is_measured else "not measured",
        "yes" if linker.maps_output else "no",
    )
    return f"| {' | '.join(cells)} |"


def test_every_linker_has_its_line_with_what_is_known_of_it():
    _, head, rest = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8").partition(HEAD)
    assert head
    assert rest.partition("\n\n")[0].splitlines() == [row(linker) for linker in LINKERS]
