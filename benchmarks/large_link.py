"""Makes a project whose link is as large as that of a really large program: 1.1 GB of archives with debug info.

A stand-in for a program such as Apache Mesos that takes a minute instead of hours to make. Some sources in the manner
of such programs (records, containers of them, futures with callbacks) are compiled for real. Each object is then
multiplied: in a copy the name of the source's namespace is another one of the same length, in symbols and debug info
alike, so a copy is what the compiler would make of the source under that name. What the sources share stays shared.

    python3 benchmarks/large_link.py DIRECTORY
    cmake -G Ninja -B DIRECTORY/build DIRECTORY/project -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=bfd
    ninja -C DIRECTORY/build

`--measure` links with every linker that is here. Measured on Debian 12, x86-64, beside the link of mesos-execute 1.1.0
(1,268 MB of archives, 438 MB linked): anonymous / virtual / RSS peak in MB.

| linker | this | mesos-execute |
|---|---|---|
| bfd 2.40 | 2,503 / 2,511 / 2,507 | 2,492 / 2,507 / 2,496 |
| gold 1.16 | 1,540 / 3,277 / 3,222 | 1,605 / 3,367 / 3,266 |
| lld (14 and 19) | 549 / 2,666 / 2,274 | 362 / 2,640 / 2,046 |
| lld -S | 440 / 2,237 / 1,460 | 342 / 2,357 / 1,383 |
| mold 1.10 | 684 / 2,486 / 2,304 | 633 / 2,547 / 2,304 |
| mold -S | 325 / 1,560 / 848 | 338 / 1,912 / 973 |

In a cgroup of 925 MiB without swap bfd and gold are killed, lld and mold read their files again and again (not done
after 60 s), lld -S takes 8 s and mold -S 6 s, as with Mesos.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

RECORDS = 5
"""Record types of one source, each with containers, futures and handlers of its own."""

LINKERS = {
    "bfd": (),
    "bfd -S": ("-Wl,-S",),
    "gold": (),
    "lld": (),
    "lld -S": ("-Wl,-S",),
    "mold": ("-Wl,--no-fork",),
    "mold -S": ("-Wl,--no-fork", "-Wl,-S"),
}

LIBRARY = """\
// What all sources share: an optional value, a result, a future with callbacks.
#pragma once
#include <algorithm>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

template <typename T>
class Option {
 public:
  Option() = default;
  Option(T value) : value_(std::make_shared<T>(std::move(value))) {}
  bool some() const { return value_ != nullptr; }
  const T& get() const { return *value_; }

 private:
  std::shared_ptr<T> value_;
};

struct Failure {
  std::string message;
};

template <typename T>
using Result = std::variant<T, Failure>;

template <typename T>
class Future {
 public:
  using Callback = std::function<void(const Result<T>&)>;
  Future() : state_(std::make_shared<State>()) {}

  void set(Result<T> result) const {
    std::list<Callback> callbacks;
    {
      std::lock_guard<std::mutex> lock(state_->mutex);
      state_->result = std::move(result);
      callbacks.swap(state_->callbacks);
    }
    for (const Callback& callback : callbacks) callback(state_->result.get());
  }

  void on_any(Callback callback) const {
    std::unique_lock<std::mutex> lock(state_->mutex);
    if (state_->result.some()) {
      lock.unlock();
      callback(state_->result.get());
    } else {
      state_->callbacks.push_back(std::move(callback));
    }
  }

  template <typename F>
  auto then(F next) const -> Future<decltype(next(std::declval<const T&>()))> {
    Future<decltype(next(std::declval<const T&>()))> following;
    on_any([following, next](const Result<T>& result) {
      if (const T* value = std::get_if<T>(&result)) {
        following.set(next(*value));
      } else {
        following.set(std::get<Failure>(result));
      }
    });
    return following;
  }

 private:
  struct State {
    std::mutex mutex;
    Option<Result<T>> result;
    std::list<Callback> callbacks;
  };
  std::shared_ptr<State> state_;
};

template <typename T>
class Registry {
 public:
  using Handler = std::function<Future<T>(const T&, const std::vector<std::string>&)>;
  void install(const std::string& name, Handler handler) { handlers_[name] = std::move(handler); }
  Result<T> check(const std::string& name) const {
    if (handlers_.count(name) == 0) return Failure{"no handler for " + name};
    return T();
  }
  Future<T> call(const std::string& name, const T& request) const {
    auto found = handlers_.find(name);
    if (found == handlers_.end()) return Future<T>();
    return found->second(request, {name});
  }

 private:
  std::unordered_map<std::string, Handler> handlers_;
};
"""

RECORD = """\
struct Record{n} {{
  std::string name;
  long id = {n};
  Option<std::string> label;
  std::map<std::string, std::vector<long>> ranges;
  std::vector<std::pair<std::string, double>> scalars;
  bool operator<(const Record{n}& other) const {{ return std::tie(id, name) < std::tie(other.id, other.name); }}
  std::string text() const {{
    std::ostringstream out;
    out << name << ':' << id;
    for (const auto& range : ranges) out << range.first << range.second.size();
    return out.str();
  }}
}};

long handle{n}(long seed) {{
  std::map<std::string, Record{n}> by_name;
  std::set<Record{n}> sorted;
  std::vector<std::shared_ptr<Record{n}>> shared;
  std::list<Option<Record{n}>> options;
  Registry<Record{n}> registry;
  registry.install("set", [seed](const Record{n}& record, const std::vector<std::string>& words) {{
    Future<Record{n}> future;
    Record{n} changed = record;
    changed.id += seed + long(words.size());
    future.set(changed);
    return future;
  }});
  for (long i = 0; i < 3; ++i) {{
    Record{n} record;
    record.name = std::to_string(i);
    record.scalars.emplace_back(record.name, double(seed));
    by_name.emplace(record.name, record);
    sorted.insert(record);
    shared.push_back(std::make_shared<Record{n}>(record));
    options.push_back(record);
  }}
  std::sort(shared.begin(), shared.end(), [](const auto& a, const auto& b) {{ return *a < *b; }});
  long total = 0;
  Future<Record{n}> answer = registry.call("set", by_name["1"]);
  answer.then([](const Record{n}& record) {{ return record.text(); }})
      .then([](const std::string& text) {{ return long(text.size()); }})
      .on_any([&total](const Result<long>& size) {{ total += std::holds_alternative<long>(size) ? 1 : 0; }});
  return total + long(sorted.size() + shared.size() + options.size());
}}

"""

CMAKE_LISTS = """\
# Links one program from archives that benchmarks/large_link.py made.
cmake_minimum_required(VERSION 3.13)
project(large LANGUAGES CXX)
set(LARGE_ARCHIVES "{archives}" CACHE PATH "Directory of the archives")
file(GLOB ARCHIVES ${{LARGE_ARCHIVES}}/*.a)
set(CMAKE_CXX_STANDARD 17)
add_executable(large main.cpp)
target_link_libraries(large PRIVATE ${{ARCHIVES}})
"""


class Peak(NamedTuple):
    """What one link took, of all its processes the largest."""

    exit_status: int
    wall_seconds: float
    rss_bytes: int
    anonymous_bytes: int
    virtual_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes a project with a really large link.")
    parser.add_argument("directory", type=Path, help="where to make it; made when it is not there")
    parser.add_argument("--sources", type=int, default=20, help="sources that are compiled (default 20)")
    parser.add_argument("--copies", type=int, default=6, help="copies of each object, up to 36 (default 6)")
    parser.add_argument("--compiler", default="g++", help="C++ compiler (default g++)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="compilers at the same time")
    parser.add_argument("--measure", action="store_true", help="link with every linker that is here")
    choices = parser.parse_args()
    started = time.monotonic()
    archives = make(choices.directory.resolve(), choices.sources, choices.copies, choices.compiler, choices.jobs)
    total = sum(archive.stat().st_size for archive in archives)
    print(f"{len(archives)} archives, {total / 1e6:,.0f} MB, made in {time.monotonic() - started:.0f} s")
    print(f"the project: {choices.directory / 'project'}")
    if choices.measure:
        measure(choices.directory.resolve(), choices.compiler)


def make(directory: Path, sources: int, copies: int, compiler: str = "g++", jobs: int = 2) -> tuple[Path, ...]:
    """Writes the project and its archives; gives the archives. Raises CalledProcessError when a compile fails."""
    objects, archives, project = (directory / name for name in ("objects", "archives", "project"))
    for place in (objects, archives, project):
        place.mkdir(parents=True, exist_ok=True)
    (objects / "library.hpp").write_text(LIBRARY)
    names = [f"part_{number:03}" for number in range(sources)]
    marks = "0123456789abcdefghijklmnopqrstuvwxyz"[:copies]
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda name: _compile(objects, name, compiler), names))
    made = []
    for mark in marks:
        members = [_copy(objects, name, mark) for name in names]
        archive = archives / f"liblarge_{mark}.a"
        archive.unlink(missing_ok=True)
        subprocess.run(["ar", "rcs", archive, *members], check=True)
        for member in members:
            member.unlink()
        made.append(archive)
    shutil.rmtree(objects)
    calls = [f"{name}_{mark}" for mark in marks for name in names]
    declarations = "".join(f"namespace {call} {{ long run(long); }}\n" for call in calls)
    sums = "".join(f"  total += {call}::run(total);\n" for call in calls)
    (project / "main.cpp").write_text(
        f"#include <cstdio>\n{declarations}int main() {{\n  long total = 0;\n{sums}"
        '  std::printf("%ld\\n", total);\n}\n'
    )
    (project / "CMakeLists.txt").write_text(CMAKE_LISTS.format(archives=archives))
    return tuple(made)


def _compile(objects: Path, name: str, compiler: str) -> None:
    records = "".join(RECORD.format(n=number) for number in range(RECORDS))
    calls = "".join(f"  total += handle{number}(seed);\n" for number in range(RECORDS))
    source = objects / f"{name}.cpp"
    # Namespace part_000_0; the last character is what tells the copies apart.
    source.write_text(
        f'#include "library.hpp"\nnamespace {name}_0 {{\n{records}'
        f"long run(long seed) {{\n  long total = 0;\n{calls}  return total;\n}}\n}}\n"
    )
    subprocess.run([compiler, "-std=c++17", "-g", "-c", source, "-o", objects / f"{name}.o"], check=True)


def _copy(objects: Path, name: str, mark: str) -> Path:
    """An object with another namespace: the name has the same length, so that nothing moves in the file."""
    copy = objects / f"{name}_{mark}.o"
    content = (objects / f"{name}.o").read_bytes()
    copy.write_bytes(content.replace(f"{name}_0".encode(), f"{name}_{mark}".encode()))
    return copy


def measure(directory: Path, compiler: str) -> None:
    """Links with every linker that is here, and prints what each took."""
    print("linker      exit     s   anonymous MB   virtual MB   RSS MB   output MB")
    for setting, options in LINKERS.items():
        linker = setting.split()[0]
        if shutil.which(f"ld.{linker}") is None:
            continue
        output = directory / "large"
        command = [compiler, f"-fuse-ld={linker}", *options, "-std=c++17", "-g", directory / "project" / "main.cpp"]
        command += ["-o", output, *sorted((directory / "archives").glob("*.a"))]
        peak = watch([str(word) for word in command])
        size = output.stat().st_size if output.exists() else 0
        output.unlink(missing_ok=True)
        print(
            f"{setting:10} {peak.exit_status:5} {peak.wall_seconds:5.0f} {peak.anonymous_bytes / 1e6:14,.0f} "
            f"{peak.virtual_bytes / 1e6:12,.0f} {peak.rss_bytes / 1e6:8,.0f} {size / 1e6:11,.0f}",
            flush=True,
        )


def watch(command: list[str]) -> Peak:
    """Runs a command, and looks at its processes 20 times a second."""
    started = time.monotonic()
    process = subprocess.Popen(command)
    anonymous = virtual = 0
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        for fields in map(_memory, _processes_below(process.pid)):
            anonymous = max(anonymous, fields.get("RssAnon", 0) + fields.get("VmSwap", 0))
            virtual = max(virtual, fields.get("VmPeak", 0))
        time.sleep(0.05)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    return Peak(process.returncode, seconds, usage.ru_maxrss * 1024, anonymous, virtual)


def _processes_below(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(below for child in children for below in _processes_below(int(child)))]


def _memory(pid: int) -> dict[str, int]:
    """The memory fields of /proc/PID/status, in bytes; none when the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    fields = [line.split() for line in lines if line.endswith(" kB")]
    return {name.rstrip(":"): int(kilobytes) * 1024 for name, kilobytes, _ in fields}


if __name__ == "__main__":
    main()
