"""The project with a really large link, made small: it links, runs, and its copies are no copies for the linker."""

import shutil
import subprocess
import sys

import pytest
from running import ROOT

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not all(shutil.which(name) for name in ("cmake", "ninja", "g++")), reason="needs cmake, ninja and g++"
    ),
]


def output(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_every_copy_is_linked_with_its_own_functions_and_debug_information(tmp_path):
    made = tmp_path / "large link"
    output(sys.executable, ROOT / "benchmarks" / "large_link.py", made, "--sources", "1", "--copies", "3")
    output("cmake", "-G", "Ninja", "-S", made / "project", "-B", made / "build", "-DCMAKE_BUILD_TYPE=Debug")
    output("ninja", "-C", made / "build")
    program = made / "build" / "large"
    # Ten from each of five records in each of three copies.
    assert output(program) == "150\n"
    functions = output("nm", "--demangle", program)
    names = output("readelf", "--string-dump=.debug_str", program)
    for number in range(3):
        assert f"part_000_{number}::run(long)" in functions
        assert f"_ZN10part_000_{number}3runEl" in names
    assert "part_000_3" not in functions + names
