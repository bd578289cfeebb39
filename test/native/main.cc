// Runs every TEST that is linked in, or those whose names contain one of the arguments.
#include "check.h"

namespace tripline::test {

namespace {

Case* first = nullptr;
Case** last = &first;
int passed = 0;
int failed = 0;
int skipped = 0;
bool current_failed = false;

}  // namespace

Case::Case(const char* name, void (*body)()) : name(name), body(body), next(nullptr) {
  *last = this;
  last = &next;
}

void Fail(const char* file, int line, const char* what, const char* actual, const char* expected) {
  printf("%s:%d: %s\n  expected %s\n  actual   %s\n", file, line, what, expected, actual);
  current_failed = true;
}

void Pass() {}

void Skip(const char* why) {
  printf("  skipped: %s\n", why);
  skipped++;
}

int RunAll(char** filters, int count) {
  for (Case* test = first; test != nullptr; test = test->next) {
    bool wanted = count == 0;
    for (int i = 0; i < count; i++) wanted = wanted || strstr(test->name, filters[i]) != nullptr;
    if (!wanted) continue;
    current_failed = false;
    test->body();
    if (current_failed) {
      printf("FAILED %s\n", test->name);
      failed++;
    } else {
      passed++;
    }
  }
  if (skipped > 0) printf("%d skipped\n", skipped);
  printf("%d passed, %d failed\n", passed, failed);
  // Exit status 2 means that no test matches the arguments.
  if (failed > 0) return 1;
  return passed > 0 ? 0 : 2;
}

}  // namespace tripline::test

int main(int count, char** arguments) { return tripline::test::RunAll(arguments + 1, count - 1); }
