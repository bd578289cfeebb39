// The governor limits the cost of adaptive reads.
#include "sampler/governor.h"

#include "check.h"
#include "util/time.h"

using namespace tripline;

namespace {

// Simulates a governed thread that wakes every 10 ms unless its period is stretched.
struct Thread {
  Governor governor;
  uint64_t now = 1000 * kSecond;
  uint64_t cpu = 0;

  Thread() { governor.Begin(now, cpu); }

  void Run(uint32_t wakeups, uint64_t cost, bool read) {
    for (uint32_t i = 0; i < wakeups; i++) {
      now += static_cast<uint64_t>(10.0 * kMillisecond * governor.stretch());
      cpu += cost;
      governor.CountWakeup(read);
      if (governor.IsDue(now)) governor.Judge(now, cpu);
    }
  }
};

}  // namespace

TEST(GovernorLeavesCheapReadsAlone) {
  Thread thread;
  // 20 us in 10 ms: 0.2 %.
  thread.Run(10000, 20000, true);
  CHECK_NEAR(thread.governor.stretch(), 1.0, 0);
}

TEST(GovernorStretchesExpensiveReadsUntilTheyFit) {
  Thread thread;
  // 1 ms in 10 ms: 10 %, of which half a percent is allowed.
  thread.Run(2000, kMillisecond, true);
  CHECK_NEAR(thread.governor.stretch(), 20.0, 1.0);
  // When reads are cheap again, the period recovers.
  thread.Run(2000, 1000, true);
  CHECK_NEAR(thread.governor.stretch(), 1.0, 0);
}

TEST(GovernorDoesNotChargeReadsForBeats) {
  Thread thread;
  thread.Run(2000, kMillisecond, false);
  CHECK_NEAR(thread.governor.stretch(), 1.0, 0);
}

TEST(GovernorSpendsWhatWasSavedInABurst) {
  Thread thread;
  thread.Run(64, 500000, true);
  CHECK_NEAR(thread.governor.stretch(), 1.0, 0);
  thread.Run(1000, 500000, true);
  CHECK(thread.governor.stretch() > 1);
}

TEST(GovernorBeginsAnew) {
  Thread thread;
  thread.Run(2000, kMillisecond, true);
  CHECK(thread.governor.stretch() > 1);
  for (int i = 0; i < 63; i++) thread.governor.CountWakeup(true);
  thread.governor.Begin(thread.now, thread.cpu);
  CHECK_NEAR(thread.governor.stretch(), 1.0, 0);
  // Neither the wake-ups from before nor their cost count, and what may be saved is saved again.
  thread.governor.CountWakeup(true);
  CHECK(!thread.governor.IsDue(thread.now + 10 * kSecond));
  thread.Run(64, 500000, true);
  CHECK_NEAR(thread.governor.stretch(), 1.0, 0);
}

TEST(GovernorSpendsAllThatIsSaved) {
  Governor governor;
  constexpr uint64_t kBefore = 7 * kSecond;
  governor.Begin(kSecond, kBefore);
  for (int i = 0; i < 64; i++) governor.CountWakeup(true);
  CHECK(governor.IsDue(kSecond));
  // 50 ms were saved, 3.2 ms were allowed meanwhile, and all but 3 ms of that is used.
  governor.Judge(kSecond + 640 * kMillisecond, kBefore + 50200000);
  CHECK_NEAR(governor.stretch(), 1.0, 0);
  for (int i = 0; i < 64; i++) governor.CountWakeup(true);
  governor.Judge(kSecond + 1280 * kMillisecond, kBefore + 50200000 + 6400000);
  // Twice what is allowed.
  CHECK_NEAR(governor.stretch(), 2.0, 1e-9);
  // Once stretched, three milliseconds that are saved are too few; five are what a second allows.
  for (int i = 0; i < 64; i++) governor.CountWakeup(true);
  governor.Judge(kSecond + 2560 * kMillisecond, kBefore + 56600000 + 3400000);
  CHECK_NEAR(governor.stretch(), 2.0 * 3.4 / 6.4, 1e-9);
}

TEST(GovernorIsStretchedNoFurtherThanItsMost) {
  Thread thread;
  thread.Run(640, 900 * kMillisecond, true);
  CHECK_NEAR(thread.governor.stretch(), 64.0, 0);
}

TEST(GovernorThatStretchesJudgesEverySecond) {
  Thread thread;
  thread.Run(2000, kMillisecond, true);
  thread.governor.Judge(thread.now + kSecond, thread.cpu + kSecond);
  const uint64_t judged = thread.now + kSecond;
  CHECK(thread.governor.stretch() > 1);
  CHECK(!thread.governor.IsDue(judged + kSecond));
  thread.governor.CountWakeup(true);
  CHECK(!thread.governor.IsDue(judged + kSecond - 1));
  CHECK(thread.governor.IsDue(judged + kSecond));
}

TEST(GovernorJudgesNothingBeforeTimeHasPassed) {
  Governor governor;
  governor.Begin(kSecond, 0);
  for (int i = 0; i < 64; i++) governor.CountWakeup(true);
  // Far beyond what was saved: 3.2 ms were allowed.
  governor.Judge(kSecond + 640 * kMillisecond, 200 * kMillisecond);
  const double stretched = governor.stretch();
  CHECK_NEAR(stretched, 62.5, 1e-9);
  for (int i = 0; i < 64; i++) governor.CountWakeup(true);
  governor.Judge(kSecond + 640 * kMillisecond, 201 * kMillisecond);
  CHECK_NEAR(governor.stretch(), stretched, 0);
  CHECK(governor.IsDue(kSecond + 640 * kMillisecond));
}
