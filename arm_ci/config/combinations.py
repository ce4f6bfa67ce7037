"""Not written yet: loading checks the shape of every file, not yet how the parts fit together."""

from arm_ci.config.draft import Draft


def check_combinations(draft: Draft) -> None: ...
