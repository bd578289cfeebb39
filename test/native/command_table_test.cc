// The table of running commands.
#include "port/command_table.h"

#include "check.h"

namespace tripline {
namespace {

TEST(CommandTableHasAnyNumberOfCommands) {
  CommandTable<int> table;
  for (int64_t pid = 1; pid <= 500; pid++) table.Add(pid, static_cast<int>(pid) * 2);
  for (int64_t pid = 1; pid <= 500; pid++) {
    int found = 0;
    CHECK(table.With(pid, [&found](int value) { found = value; }));
    CHECK_EQ(found, static_cast<int>(pid) * 2);
  }
  table.Remove(250);
  CHECK(!table.Has(250));
  CHECK(table.Has(249) && table.Has(251));
  // A later command may have the same process id.
  table.Add(250, 7);
  int found = 0;
  table.With(250, [&found](int value) { found = value; });
  CHECK_EQ(found, 7);
  CHECK(!table.With(501, [](int) { CHECK(false); }));
}

}  // namespace
}  // namespace tripline
