// Runs every TEST that is linked in, or those whose names contain one of the arguments. An argument that begins with a
// hyphen leaves out those that contain the rest of it.
#include "check.h"

namespace tripline::test {

namespace {

Case* first = nullptr;
Case** last = &first;
int passed = 0;
int failed = 0;
int skipped = 0;
bool current_failed = false;
bool current_skipped = false;
int checks = 0;  // of the current test

}  // namespace

Case::Case(const char* name, void (*body)()) : name(name), body(body), next(nullptr) {
  *last = this;
  last = &next;
}

void Fail(const char* file, int line, const char* what, const char* actual, const char* expected) {
  printf("%s:%d: %s\n  expected %s\n  actual   %s\n", file, line, what, expected, actual);
  current_failed = true;
}

void Pass() { __atomic_add_fetch(&checks, 1, __ATOMIC_RELAXED); }

void Skip(const char* why) {
  printf("  skipped: %s\n", why);
  current_skipped = true;
}

static bool IsWanted(const char* name, char** filters, int count) {
  bool wanted = true, named = false;
  for (int i = 0; i < count; i++) {
    const bool without = filters[i][0] == '-';
    const bool found = strstr(name, filters[i] + without) != nullptr;
    if (without && found) return false;
    // The first name that is asked for leaves out all others.
    if (!without && !named) wanted = false;
    named |= !without;
    wanted |= !without && found;
  }
  return wanted;
}

int RunAll(char** filters, int count) {
  // Otherwise the processes that tests fork would print the same again.
  setvbuf(stdout, nullptr, _IOLBF, 0);
  for (Case* test = first; test != nullptr; test = test->next) {
    if (!IsWanted(test->name, filters, count)) continue;
    current_failed = current_skipped = false;
    checks = 0;
    test->body();
    if (checks == 0 && !current_failed && !current_skipped) {
      printf("%s checks nothing\n", test->name);
      current_failed = true;
    }
    if (current_failed) {
      printf("FAILED %s\n", test->name);
      failed++;
    } else if (current_skipped) {
      skipped++;
    } else {
      passed++;
    }
  }
  // Exit status 2 means that no test matches the arguments. scripts/test-native.js reports that if it is so in all
  // programs.
  if (passed + failed + skipped == 0) return 2;
  if (skipped > 0) printf("%d skipped\n", skipped);
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 ? 1 : 0;
}

}  // namespace tripline::test

int main(int count, char** arguments) { return tripline::test::RunAll(arguments + 1, count - 1); }
