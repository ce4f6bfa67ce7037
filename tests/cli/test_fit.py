"""`arm-ci fit`: whether a build fits, how long it takes, and what would make it fit, in words and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sites import whole_site

from arm_ci.agent.peaks import Learned, Peaks
from arm_ci.cli import main
from arm_ci.cli.fit import peaks_path
from arm_ci.config import load, variants
from arm_ci.master.builders import peaks_directory

ROOT = Path(__file__).resolve().parents[2]
MB = 1 << 20
VARIANT = "app-rpi3-arm64-gcc-bfd-ninja-full"
LLD, CLANG = "app-rpi3-arm64-gcc-lld-ninja-full", "app-rpi3-arm64-clang-bfd-ninja-full"
PROJECT = """app:
  repository: https://example.org/app.git
  branches: [main]
  cmake: {targets: [all]}
  matrix:
    boards: [rpi3-arm64]
    compilers: [gcc, clang]
    linkers: [bfd, lld]
    generators: [ninja]
    debug_info: [full, none]
"""
FALLBACK = """  fallback:
    - {name: lld, kinds: [link], linker: lld, debug_info: none}
    - {name: sparing, edges: ['*/big.o'], add: [--param=ggc-min-expand=10]}
"""


def learned(output: str, need_mb: int, seconds: float, *inputs: str, **more) -> Learned:
    kind = "compile" if output.endswith(".o") else "link"
    return Learned(output, "g++ -g", kind, need_mb * MB, seconds, inputs, **more)


SMALL = Peaks(
    "gcc 12.2", (learned("a.o", 300, 60.0), learned("b.o", 400, 60.0), learned("app", 500, 10.0, "a.o", "b.o"))
)
LARGE_LINK = Peaks("gcc 12.2, bfd", (*SMALL.edges[:2], learned("app", 2000, 10.0, "a.o", "b.o")))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return whole_site(tmp_path / "config", site="state: ../state\n", projects=PROJECT)


def keep(config: Path, variant: str, peaks: Peaks) -> Path:
    path = config.parent / "state" / "peaks" / f"{variant}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(peaks.to_text())
    return path


@pytest.fixture
def fit(config: Path, capsys: pytest.CaptureFixture[str]):
    def run(*words: str, memory: str = "925M") -> tuple[int, str, str]:
        try:
            given = ["fit", "--site", str(config), "--variant", VARIANT, "--memory", memory, "--cores", "2", *words]
            status = main(given)
        except SystemExit as error:
            status = int(str(error.code))
        out, err = capsys.readouterr()
        return status, out, err

    return run


TIMES = (
    "Times are the learned processor seconds, of the machine that built; on another their ratios hold. Compiles,\n"
    "archives and links are counted, other commands are not.\n"
)


def test_a_build_that_fits_is_said_to_with_its_times(fit, config) -> None:
    keep(config, VARIANT, SMALL)
    assert fit() == (
        0,
        f"{VARIANT} on 2 cores, 925 MB, no swap: fits\n"
        "learned: 3 edges, 2 min 10 s of work, most 500 MB (link app); gcc 12.2\n"
        "\n"
        "expected time\n"
        "  -j1         2 min 10 s\n"
        "  -j2         1 min 10 s\n"
        "  admission   1 min 10 s\n"
        "\n" + TIMES,
        "",
    )


def test_an_edge_that_does_not_fit_alone_is_named_with_what_would_help(fit, config) -> None:
    keep(config, VARIANT, LARGE_LINK)
    keep(config, LLD, SMALL._replace(toolchain="gcc 12.2, lld 14"))
    clang = (learned("a.o", 200, 40.0), learned("b.o", 300, 40.0), learned("app", 1500, 8.0, "a.o", "b.o"))
    keep(config, CLANG, Peaks("clang 14, bfd", clang))
    assert fit() == (
        1,
        f"{VARIANT} on 2 cores, 925 MB, no swap: does not fit; 1 of 3 edges too large alone\n"
        "learned: 3 edges, 2 min 10 s of work, most 2.0 GB (link app); gcc 12.2, bfd\n"
        "\n"
        "too large alone, of 925 MB RAM and swap\n"
        "           2,000 MB  1,075 MB too much       link app\n"
        "\n"
        "expected time\n"
        "  -j1              fails  memory kills 1 of 3 edges\n"
        "  -j2              fails  memory kills 1 of 3 edges\n"
        "  admission        fails  1 of 3 edges too large alone\n"
        "\n"
        "what makes it fit, cheapest first\n"
        "  1. linker lld: 1 min 10 s with admission, most 500 MB (app)\n"
        f"     learned of {LLD}, gcc 12.2, lld 14\n"
        "  2. 1.5 GB swap: 1 min 43 s with admission, most 2.0 GB (app)\n"
        "     reckoned from this variant's own peaks\n"
        "  3. 3.0 GB RAM: 1 min 10 s with admission, most 2.0 GB (app)\n"
        "     reckoned from this variant's own peaks\n"
        "\n"
        "what does not suffice\n"
        "  compiler clang: 1 edge too large alone, most 1.5 GB (app)\n"
        f"     learned of {CLANG}, clang 14, bfd\n"
        "\n"
        "5 sibling variants have not been built yet; other linkers, compilers or debug info may fit as well.\n" + TIMES,
        "",
    )


def test_with_swap_the_same_build_fits_slowly_and_what_spares_the_paging_is_named(fit, config) -> None:
    keep(config, VARIANT, LARGE_LINK)
    keep(config, LLD, SMALL._replace(toolchain="gcc 12.2, lld 14"))
    assert fit("--swap", "4G") == (
        0,
        f"{VARIANT} on 2 cores, 925 MB, 4.0 GB swap: fits\n"
        "learned: 3 edges, 2 min 10 s of work, most 2.0 GB (link app); gcc 12.2, bfd\n"
        "\n"
        "1 edge beyond the 879 MB of RAM for edges: alone, partly in swap; most 2.0 GB (app)\n"
        "\n"
        "expected time\n"
        "  -j1         2 min 43 s  33 s of it for paging\n"
        "  -j2         1 min 43 s  33 s of it for paging\n"
        "  admission   1 min 43 s  33 s of it for paging\n"
        "\n"
        "what makes it faster, cheapest first\n"
        "  1. linker lld: 1 min 10 s with admission, most 500 MB (app)\n"
        f"     learned of {LLD}, gcc 12.2, lld 14\n"
        "  2. 3.0 GB RAM: 1 min 10 s with admission, most 2.0 GB (app)\n"
        "     reckoned from this variant's own peaks\n"
        "\n" + TIMES,
        "",
    )


def test_plain_jobs_lose_edges_that_admission_lets_wait(fit, config) -> None:
    keep(config, VARIANT, Peaks("", (learned("a.o", 600, 60.0), learned("b.o", 700, 60.0))))
    _, out, _ = fit()
    assert "fits\nlearned: 2 edges, 2 min of work, most 700 MB (compile b.o); toolchain unknown\n" in out
    assert (
        "  -j1              2 min\n  -j2              fails  memory kills 1 of 2 edges\n  admission        2 min\n"
    ) in out


def test_a_fallback_that_was_learned_makes_it_fit_and_is_shown(fit, config) -> None:
    by_lld = learned("app", 400, 12.0, "a.o", "b.o", fallback="lld: -fuse-ld=lld")._replace(
        fingerprint="g++ -fuse-ld=lld"
    )
    keep(config, VARIANT, LARGE_LINK._replace(edges=(*LARGE_LINK.edges, by_lld)))
    status, out, _ = fit()
    assert status == 0
    assert ": fits\n" in out
    assert "\nbuilt differently, as learned\n  app: lld: -fuse-ld=lld\n" in out
    assert ("  -j2              fails  memory kills 1 of 3 edges\n  admission   1 min 12 s\n") in out


def test_a_configured_fallback_is_reckoned_with_a_sibling_that_has_what_it_takes(fit, config) -> None:
    (config / "projects.yaml").write_text(PROJECT + FALLBACK)
    keep(config, VARIANT, LARGE_LINK)
    keep(config, LLD, SMALL)
    _, out, _ = fit()
    assert (
        "  1. fallback lld, as configured: 1 min 10 s with admission, most 500 MB (app)\n"
        f"     learned of {LLD}\n"
        "  2. linker lld: "
    ) in out


def test_a_configured_fallback_of_which_nothing_is_known_is_named_without_figures(fit, config) -> None:
    (config / "projects.yaml").write_text(PROJECT + FALLBACK)
    keep(config, VARIANT, Peaks("", (learned("src/big.o", 2000, 10.0),)))
    _, out, _ = fit()
    assert (
        "fallback `sparing` is configured for some of these edges: the next build shows what it brings.\n"
        "7 sibling variants have not been built yet; other linkers, compilers or debug info may fit as well.\n"
    ) in out
    assert "fallback `lld`" not in out


def test_an_edge_that_memory_killed_before_its_peak_makes_it_fit_only_perhaps(fit, config) -> None:
    keep(config, VARIANT, SMALL._replace(edges=(*SMALL.edges, learned("c.o", 600, 5.0, killed=True))))
    status, out, _ = fit()
    assert status == 0
    assert ": fits, perhaps with second tries\n" in out
    assert "\nmemory killed these before their peak: what they need is a guess\n    600 MB  c.o\n" in out


def test_what_memory_killed_alone_with_as_much_does_not_fit_whatever_is_guessed(fit, config) -> None:
    seen = learned("c.o", 800, 5.0, killed=True, does_not_fit_bytes=900 * MB)
    keep(config, VARIANT, SMALL._replace(edges=(*SMALL.edges, seen)))
    status, out, _ = fit()
    assert status == 1
    assert "    at least 800 MB  memory killed it when it ran alone  compile c.o\n" in out
    assert fit(memory="2G")[0] == 0


def test_json_has_the_same_figures(fit, config) -> None:
    path = keep(config, VARIANT, LARGE_LINK)
    keep(config, LLD, SMALL)
    status, out, _ = fit("--json")
    found = json.loads(out)
    assert status == 1
    assert found["changes"][1]["size_bytes"] == 1536 * MB
    assert found["changes"][2]["kind"] == "memory"
    found["changes"] = found["changes"][:1]
    assert found == {
        "variant": VARIANT,
        "peaks": str(path),
        "toolchain": "gcc 12.2, bfd",
        "memory_bytes": 925 * MB,
        "budget_bytes": 925 * MB - 925 * MB // 20,
        "swap_bytes": 0,
        "cores": 2,
        "fits": "no",
        "edges": 3,
        "too_large": [
            {
                "output": "app",
                "kind": "link",
                "need_bytes": 2000 * MB,
                "is_guess": False,
                "too_much_bytes": 1075 * MB,
            }
        ],
        "guessed": [],
        "built_differently": [],
        "beyond_budget": [],
        "ways": [
            {"way": "-j1", "seconds": None, "paging_seconds": 0.0, "killed": 1},
            {"way": "-j2", "seconds": None, "paging_seconds": 0.0, "killed": 1},
            {"way": "admission", "seconds": None, "paging_seconds": 0.0, "killed": 1},
        ],
        "untried_fallbacks": [],
        "changes": [
            {
                "kind": "linker",
                "what": "linker lld",
                "variant": LLD,
                "size_bytes": None,
                "fits": "yes",
                "too_large": 0,
                "largest_output": "app",
                "largest_need_bytes": 500 * MB,
                "seconds": 70.0,
            }
        ],
    }


def test_another_file_of_peaks_may_be_given(fit, tmp_path) -> None:
    (tmp_path / "other.json").write_text(SMALL.to_text())
    status, out, _ = fit("--peaks", str(tmp_path / "other.json"))
    assert (status, out.splitlines()[0]) == (0, f"{VARIANT} on 2 cores, 925 MB, no swap: fits")


def test_without_learned_peaks_one_sentence_says_what_to_do(fit, config) -> None:
    path = config.parent / "state" / "peaks" / f"{VARIANT}.json"
    assert fit() == (
        1,
        "",
        f"arm-ci: {VARIANT}: nothing was learned yet ({path}); one build of the variant is enough, also one that fails "
        "late\n",
    )


def test_a_file_that_holds_no_peaks_is_named(fit, config) -> None:
    path = keep(config, VARIANT, SMALL)
    path.write_text("[]")
    assert fit() == (2, "", f"arm-ci: {path}: no learned peaks: an object with a number `schema` was expected\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--memory", "925"),
            "argument --memory: `925`: it has no unit; expected a size such as `925M`, `12G` or `0`",
        ),
        (("--swap", "much"), "argument --swap: `much`; expected a size such as `925M`, `12G` or `0`"),
        (("--cores", "0"), "argument --cores: `0`; expected a whole number from 1 to 1000"),
    ],
)
def test_a_wrong_size_or_number_is_told_what_was_expected(fit, words, message) -> None:
    status, out, err = fit(*words)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1] == f"arm-ci fit: error: {message}"


def test_memory_that_file_pages_take_alone_is_refused(fit) -> None:
    assert fit(memory="32M") == (
        2,
        "",
        "arm-ci: --memory: file pages take at least 32 MB; that leaves nothing for edges\n",
    )


def test_the_place_of_the_peaks_is_the_masters(config) -> None:
    loaded = load(config)
    first = variants(loaded)[0]
    assert peaks_path(loaded, first) == peaks_directory(loaded) / f"{first.name}.json"
