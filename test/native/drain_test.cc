// How long the end of a command waits for its output.
#include "port/drain.h"

#include "check.h"

using namespace tripline;

TEST(DrainWaitsForTheReaderUntilAnEndIsRequested) {
  Drain drain;
  CHECK(!drain.IsOver(kSecond, 1));
  CHECK(!drain.IsOver(3600 * kSecond, 1));
  CHECK_EQ(drain.End(1), kNever);
}

TEST(DrainGivesUpAReaderThatDoesNotRead) {
  Drain drain;
  drain.Hurry();
  const uint64_t from = 100 * kSecond;
  CHECK(!drain.IsOver(from, 1));
  CHECK_EQ(drain.End(1), from + 200 * kMillisecond);
  CHECK(!drain.IsOver(from + 199 * kMillisecond, 1));
  CHECK(drain.IsOver(from + 200 * kMillisecond, 1));
}

TEST(DrainWaitsLongerButNotForeverForAReaderThatReads) {
  Drain drain;
  drain.Hurry();
  const uint64_t from = 100 * kSecond;
  CHECK(!drain.IsOver(from, 1));
  for (uint64_t passed = from; passed < from + 4900 * kMillisecond; passed += 150 * kMillisecond) {
    CHECK(!drain.IsOver(passed + 150 * kMillisecond, passed));
  }
  CHECK(drain.IsOver(from + 5 * kSecond, from + 4950 * kMillisecond));
}

TEST(DrainCountsFromTheRequestedEnd) {
  Drain drain;
  CHECK(!drain.IsOver(kSecond, 1));
  drain.Hurry();
  CHECK(!drain.IsOver(60 * kSecond, 1));
  CHECK_EQ(drain.End(1), 60 * kSecond + 200 * kMillisecond);
}
