// What Windows says, as plain numbers; the calls themselves are run under wine (npm run test:matrix).
#include "windows/convert.h"

#include "check.h"

using namespace tripline::windows;

namespace {

constexpr uint64_t kSecondTicks = 10000000;
constexpr uint64_t kGiB = uint64_t{1} << 30;

}  // namespace

TEST(WindowsKernelTimeContainsIdleTime) {
  CpuSums sums;
  // Four processors for a second: 3 s idle inside 3.2 s of kernel time, and 0.8 s of user time.
  const CpuTicks before{100 * kSecondTicks, 200 * kSecondTicks, 50 * kSecondTicks};
  const CpuTicks after{103 * kSecondTicks, 200 * kSecondTicks + 32000000, 50 * kSecondTicks + 8000000};
  sums.Add(before, after);
  CHECK_NEAR(sums.all, 4, 1e-9);
  CHECK_NEAR(sums.busy, 1, 1e-9);
}

TEST(WindowsProcessorTimeNeverGoesBackwards) {
  CpuSums sums;
  const CpuTicks before{100, 300, 50};
  sums.Add(before, CpuTicks{90, 290, 40});
  CHECK_EQ(sums.all, 0.0);
  CHECK_EQ(sums.busy, 0.0);
  // Idle time that outgrows the total is rounding of the kernel's.
  sums.Add(before, CpuTicks{130, 320, 55});
  CHECK_NEAR(sums.all, 25 / 1e7, 1e-15);
  CHECK_EQ(sums.busy, 0.0);
}

TEST(WindowsIdleCounterIsTheRestOfTheClock) {
  CpuSums sums;
  AddIdle({1000, 5000}, {1000 + kSecondTicks / 4, 5000 + kSecondTicks}, 8, &sums);
  CHECK_NEAR(sums.all, 8, 1e-9);
  CHECK_NEAR(sums.busy, 6, 1e-9);
  // A clock that stood still or was set back says nothing.
  AddIdle({1000, 5000}, {2000, 5000}, 8, &sums);
  AddIdle({1000, 5000}, {2000, 4000}, 8, &sums);
  CHECK_NEAR(sums.all, 8, 1e-9);
}

TEST(WindowsProcessorTimeChangesHandsWithoutAJump) {
  CpuSource source;
  source.TakeCounter({0, 0}, 2);
  source.TakeCounter({kSecondTicks / 2, kSecondTicks}, 2);
  CHECK(source.by_counter());
  CHECK_NEAR(source.sums().busy, 1, 1e-9);
  // The counter is lost; the direct call's first figure is only where it starts.
  source.TakeDirect({7 * kSecondTicks, 9 * kSecondTicks, kSecondTicks});
  CHECK(!source.by_counter());
  CHECK_NEAR(source.sums().busy, 1, 1e-9);
  source.TakeDirect({8 * kSecondTicks, 10 * kSecondTicks, 2 * kSecondTicks});
  CHECK_NEAR(source.sums().all, 4, 1e-9);
  CHECK_NEAR(source.sums().busy, 2, 1e-9);
  // And back: what passed meanwhile is not counted twice.
  source.TakeCounter({100 * kSecondTicks, 200 * kSecondTicks}, 2);
  CHECK_NEAR(source.sums().busy, 2, 1e-9);
}

TEST(WindowsJobCaps) {
  CHECK_EQ(CapOfJob(0, 5000, 0, 8), 0.0);           // not enabled
  CHECK_EQ(CapOfJob(1, 5000, 0, 8), 0.0);           // a weight, or a cap that may be passed
  CHECK_NEAR(CapOfJob(1 | 4, 2500, 0, 8), 2, 1e-9);  // hard, a quarter of the machine
  CHECK_NEAR(CapOfJob(1 | 16, 0, 5000, 8), 4, 1e-9);
  CHECK_EQ(CapOfJob(1 | 4, 10000, 0, 8), 0.0);      // all of it is none
  CHECK_EQ(CapOfJob(1 | 4, 0, 0, 8), 0.0);
}

TEST(WindowsMemoryIsWhatRunsOutFirst) {
  MemoryFigures figures;
  figures.physical_total = 16 * kGiB;
  figures.physical_available = 8 * kGiB;
  figures.commit_limit = 20 * kGiB;
  figures.commit_total = 10 * kGiB;
  MemoryVerdict verdict = JudgeMemory(figures);
  CHECK(verdict.bound == MemoryBound::kPhysical);
  CHECK_EQ(verdict.available, 8 * kGiB);
  CHECK_EQ(verdict.limit, 16 * kGiB);

  figures.commit_total = 19 * kGiB;
  verdict = JudgeMemory(figures);
  CHECK(verdict.bound == MemoryBound::kCommit);
  CHECK_EQ(verdict.available, kGiB);

  figures.job_limit = 2 * kGiB;
  figures.job_used = 2 * kGiB - 1000;
  verdict = JudgeMemory(figures);
  CHECK(verdict.bound == MemoryBound::kJob);
  CHECK_EQ(verdict.available, 1000);
  CHECK_EQ(verdict.limit, 2 * kGiB);

  figures.process_limit = kGiB;
  figures.process_used = 3 * kGiB;  // past it already
  verdict = JudgeMemory(figures);
  CHECK(verdict.bound == MemoryBound::kProcess);
  CHECK_EQ(verdict.available, 0);
  CHECK_EQ(verdict.limit, kGiB);
}

TEST(WindowsMemoryLeftIsNeverMoreThanTheLimit) {
  MemoryFigures figures;
  figures.physical_total = 16 * kGiB;
  figures.physical_available = 8 * kGiB;
  figures.job_limit = kGiB;
  const MemoryVerdict verdict = JudgeMemory(figures);
  CHECK_EQ(verdict.available, kGiB);
  CHECK(verdict.bound == MemoryBound::kJob);
}

TEST(WindowsDiskShareIsOfWhatThisUserMayHave) {
  CHECK_NEAR(DiskShare(100, 40, 40), 60, 1e-9);
  // A quota leaves less than there is.
  CHECK_NEAR(DiskShare(100, 40, 20), 75, 1e-9);
  CHECK_EQ(DiskShare(0, 0, 0), 0.0);
  CHECK_EQ(DiskShare(100, 200, 0), 0.0);
}

TEST(WindowsPower) {
  double value = -1;
  CHECK(BatteryPercent(0, 57, &value) == Known::kYes);
  CHECK_EQ(value, 57.0);
  CHECK(BatteryPercent(128, 255, &value) == Known::kAbsent);
  CHECK(BatteryPercent(255, 255, &value) == Known::kNo);
  CHECK(PowerIsOnline(0, 0, &value) == Known::kYes);
  CHECK_EQ(value, 0.0);
  CHECK(PowerIsOnline(1, 8, &value) == Known::kYes);
  CHECK_EQ(value, 1.0);
  // A desktop machine says that it does not know; without a battery there is only one answer.
  CHECK(PowerIsOnline(255, 128, &value) == Known::kYes);
  CHECK_EQ(value, 1.0);
  CHECK(PowerIsOnline(255, 255, &value) == Known::kNo);
}

TEST(WindowsLoadAverageFollowsTasks) {
  LoadAverage load;
  CHECK(!load.started());
  load.Add(4, 1);
  CHECK_EQ(load.value(), 4.0);
  for (int i = 0; i < 60; i++) load.Add(8, 1);
  // After a minute 1 - 1/e of the way, as in Unix.
  CHECK_NEAR(load.value(), 8 - 4 / 2.718281828, 0.01);
  for (int i = 0; i < 600; i++) load.Add(0, 1);
  CHECK_NEAR(load.value(), 0, 0.01);
}

TEST(WindowsCountersThatStartAnewDoNotShow) {
  GrowingSum sum;
  sum.Add(1000);
  CHECK_EQ(sum.sum(), 0.0);
  sum.Add(1500);
  sum.Add(200);
  sum.Add(300);
  CHECK_EQ(sum.sum(), 600.0);
  sum.Forget();
  sum.Add(100000);
  CHECK_EQ(sum.sum(), 600.0);
}
