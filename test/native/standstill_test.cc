// Late wake-ups, interruptions, and which part of a sleep counts as observed.
#include "sampler/standstill.h"

#include <initializer_list>

#include "check.h"
#include "util/time.h"

using namespace tripline;

namespace {

constexpr uint64_t kStart = 1000 * kSecond;

// The standstill that follows from a sleep of `planned` that ended after `slept`.
Standstill Sleep(uint64_t planned, uint64_t slept, bool interrupted) {
  StandstillWatch watch;
  watch.Sleep(kStart, kStart);
  return watch.Wake(kStart + slept, planned == kNever ? kNever : kStart + planned, interrupted);
}

}  // namespace

TEST(StandstillIsZeroOnTime) {
  CHECK_EQ(Sleep(100 * kMillisecond, 100 * kMillisecond, false).duration, 0u);
  // A busy machine wakes its threads late.
  CHECK_EQ(Sleep(100 * kMillisecond, 140 * kMillisecond, false).duration, 0u);
  // The wait was ended ahead of time.
  CHECK_EQ(Sleep(10 * kSecond, kSecond, false).duration, 0u);
  CHECK_EQ(Sleep(kNever, 100 * kSecond, false).duration, 0u);
}

TEST(StandstillIsWhatAThreadWakesLate) {
  const Standstill late = Sleep(100 * kMillisecond, 8 * kSecond, false);
  CHECK_EQ(late.duration, 7900 * kMillisecond);
  CHECK(!late.stopped);
}

TEST(StandstillOfAnInterruptedSleepIsAllOfIt) {
  // The process was stopped at some moment within its ten seconds of sleep, and continued before their end.
  const Standstill stopped = Sleep(10 * kSecond, 9 * kSecond, true);
  CHECK_EQ(stopped.duration, 9 * kSecond);
  CHECK(stopped.stopped);
  CHECK_EQ(Sleep(kNever, 9 * kSecond, true).duration, 9 * kSecond);
}

TEST(StandstillOfAShortSleepIsOnlyItsLateness) {
  // Interruptions this frequent come from a tool that throttles the process.
  const Standstill none = Sleep(100 * kMillisecond, 90 * kMillisecond, true);
  CHECK_EQ(none.duration, 0u);
  CHECK(!none.stopped);
  const Standstill late = Sleep(100 * kMillisecond, 180 * kMillisecond, true);
  CHECK_EQ(late.duration, 80 * kMillisecond);
  CHECK(late.stopped);
}

TEST(StandstillInTheMiddleOfAPass) {
  // Frozen or stopped while it was reading, and continued before it went to sleep.
  StandstillWatch watch;
  constexpr uint64_t kDeadline = kStart + 9 * kSecond + 10 * kMillisecond;
  watch.Sleep(kStart, kStart + 9 * kSecond);
  CHECK_EQ(watch.Wake(kDeadline, kDeadline, false).duration, 9 * kSecond);
  CHECK_EQ(watch.Wake(kStart + 11 * kSecond, kDeadline, true).duration, 11 * kSecond);
  // The next pass was as short as usual.
  watch.Sleep(kStart + 20 * kSecond, kStart + 20 * kSecond + kMillisecond);
  CHECK_EQ(watch.Wake(kStart + 21 * kSecond, kStart + 21 * kSecond, false).duration, 0u);
}

TEST(StandstillBeginsWithTheSleepWhereTheDeadlineHasPassed) {
  StandstillWatch watch;
  // Reads that take longer than their period are not a standstill.
  watch.Sleep(kStart - 40 * kMillisecond, kStart);
  CHECK_EQ(watch.Wake(kStart + kMillisecond, kStart - kSecond, false).duration, 0u);
}

TEST(StandstillBeginsAtItsBounds) {
  CHECK_EQ(Sleep(100 * kMillisecond, 150 * kMillisecond - 1, false).duration, 0u);
  CHECK_EQ(Sleep(100 * kMillisecond, 150 * kMillisecond, false).duration, 50 * kMillisecond);
  // An interrupted sleep counts as a whole if it is longer than this.
  CHECK_EQ(Sleep(kSecond, 250 * kMillisecond, true).duration, 0u);
  CHECK_EQ(Sleep(kSecond, 250 * kMillisecond + 1, true).duration, 250 * kMillisecond + 1);
  for (const bool is_long : {false, true}) {
    const uint64_t pass = 250 * kMillisecond - (is_long ? 0 : 1);
    StandstillWatch watch;
    watch.Sleep(kStart, kStart + pass);
    CHECK_EQ(watch.Wake(kStart + kSecond, kStart + kSecond, false).duration, is_long ? pass : 0);
  }
}
