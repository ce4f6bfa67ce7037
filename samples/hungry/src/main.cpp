// The program: says what it is made of, and tests itself one test at a time for CTest.
#include <cstdio>
#include <cstring>
#include <set>

#include "hungry.hpp"
#include "ledger.h"

namespace {

bool ledger_adds_up() {
  ledger_account account = ledger_open();
  return ledger_post(&account, 70) == 0 && ledger_post(&account, -20) == 0 && ledger_balance(&account) == 50;
}

bool ledger_refuses_overdraft() {
  ledger_account account = ledger_open();
  return ledger_post(&account, -1) != 0 && ledger_balance(&account) == 0;
}

bool every_source_is_linked() {
  for (Feed feed : feeds()) {
    if (feed(1) <= 0) return false;
  }
  return !feeds().empty();
}

bool sources_differ() { return std::set<Feed>(feeds().begin(), feeds().end()).size() == feeds().size(); }

bool symbols_are_linked() {
  for (Symbol symbol : symbols()) {
    if (symbol() != 0x1234) return false;
  }
  return !symbols().empty();
}

bool sums_repeat() {
  for (Feed feed : feeds()) {
    if (feed(5) != feed(5)) return false;
  }
  return true;
}

struct Test {
  const char* name;
  bool (*run)();
};

const Test tests[] = {
    {"ledger-adds-up", ledger_adds_up},
    {"ledger-refuses-overdraft", ledger_refuses_overdraft},
    {"every-source-is-linked", every_source_is_linked},
    {"sources-differ", sources_differ},
    {"symbols-are-linked", symbols_are_linked},
    {"sums-repeat", sums_repeat},
};

int self_test(const char* name) {
  for (const Test& test : tests) {
    if (std::strcmp(test.name, name) != 0) continue;
    if (std::strcmp(HUNGRY_FAIL_TEST, name) == 0) {
      std::printf("%s: failed because HUNGRY_FAIL_TEST names it\n", name);
      return 1;
    }
    const bool passed = test.run();
    std::printf("%s: %s\n", name, passed ? "passed" : "failed");
    return passed ? 0 : 1;
  }
  std::fprintf(stderr, "hungry: no test is called `%s`; expected one of:", name);
  for (const Test& test : tests) std::fprintf(stderr, " %s", test.name);
  std::fprintf(stderr, "\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) {
    std::printf("hungry 1.0.0: %zu hungry sources, %zu objects of symbols\n", feeds().size(), symbols().size());
    return 0;
  }
  if (argc == 3 && std::strcmp(argv[1], "--self-test") == 0) return self_test(argv[2]);
  std::fprintf(stderr, "usage: hungry [--self-test NAME]\n");
  return 2;
}
