// Conversions of Windows' figures, given as plain numbers. The system calls are tested under wine (npm run
// test:matrix).
#include "windows/convert.h"

#include <initializer_list>

#include "check.h"

using namespace tripline::windows;

namespace {

constexpr uint64_t kSecondTicks = 10000000;
constexpr uint64_t kGiB = uint64_t{1} << 30;

}  // namespace

TEST(WindowsKernelTimeContainsIdleTime) {
  CpuSums sums;
  // Four processors over one second: 3.2 s of kernel time, 3 s of which are idle, and 0.8 s of user time.
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
  // Idle time that grows more than the total is a rounding error of the kernel.
  sums.Add(before, CpuTicks{130, 320, 55});
  CHECK_NEAR(sums.all, 25 / 1e7, 1e-15);
  CHECK_EQ(sums.busy, 0.0);
}

TEST(WindowsIdleCounterIsTheRestOfTheClock) {
  CpuSums sums;
  AddIdle({1000, 5000}, {1000 + kSecondTicks / 4, 5000 + kSecondTicks}, 8, &sums);
  CHECK_NEAR(sums.all, 8, 1e-9);
  CHECK_NEAR(sums.busy, 6, 1e-9);
  // A clock that stood still or went back yields no value.
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
  // The counter is lost. The first figure of the direct call is only a baseline.
  source.TakeDirect({7 * kSecondTicks, 9 * kSecondTicks, kSecondTicks});
  CHECK(!source.by_counter());
  CHECK_NEAR(source.sums().busy, 1, 1e-9);
  source.TakeDirect({8 * kSecondTicks, 10 * kSecondTicks, 2 * kSecondTicks});
  CHECK_NEAR(source.sums().all, 4, 1e-9);
  CHECK_NEAR(source.sums().busy, 2, 1e-9);
  // Back to the counter: the time in between is not counted twice.
  source.TakeCounter({100 * kSecondTicks, 200 * kSecondTicks}, 2);
  CHECK_NEAR(source.sums().busy, 2, 1e-9);
}

TEST(WindowsJobCaps) {
  CHECK_EQ(CapOfJob(0, 5000, 0, 8), 0.0);            // not enabled
  CHECK_EQ(CapOfJob(1, 5000, 0, 8), 0.0);            // a weight, or a cap that is not hard
  CHECK_NEAR(CapOfJob(1 | 4, 2500, 0, 8), 2, 1e-9);  // hard, a quarter of the machine
  CHECK_NEAR(CapOfJob(1 | 16, 0, 5000, 8), 4, 1e-9);
  CHECK_EQ(CapOfJob(1 | 4, 10000, 0, 8), 0.0);  // the whole machine is not a cap
  CHECK_EQ(CapOfJob(1 | 4, 0, 0, 8), 0.0);
  CHECK_EQ(CapOfJob(1 | 2, 5, 0, 8), 0.0);                  // a weight of 5 is not five hundredths of a percent
  CHECK_NEAR(CapOfJob(1 | 4 | 8, 5000, 0, 128), 64, 1e-9);  // notifies when the cap is reached
}

TEST(WindowsJobTimeIsOfWhatItsCapAllows) {
  constexpr uint64_t kSecond = 1000000000;
  JobTime job;
  CHECK(!job.Take(5 * kSecond, 100 * kSecondTicks, 2));
  CHECK_EQ(job.allowed(), 0.0);
  // Two processors are allowed over half a second, and three quarters of a second are used.
  CHECK(job.Take(5 * kSecond + kSecond / 2, 100 * kSecondTicks + kSecondTicks * 3 / 4, 2));
  CHECK_NEAR(job.used(), 0.75, 1e-9);
  CHECK_NEAR(job.allowed(), 1, 1e-9);
  // Another job has used less so far. A cap may also be removed and set again.
  CHECK(job.Take(6 * kSecond, kSecondTicks, 1));
  CHECK_NEAR(job.used(), 0.75, 1e-9);
  job.Forget();
  CHECK(!job.Take(60 * kSecond, 50 * kSecondTicks, 1));
  CHECK_NEAR(job.used(), 0.75, 1e-9);
  // The previous job had the higher cap.
  CHECK_NEAR(job.allowed(), 2, 1e-9);
}

TEST(WindowsJobTimeUnderACapThatIsRaisedIsWithinIt) {
  constexpr uint64_t kSecond = 1000000000;
  JobTime job;
  job.Take(1 * kSecond, 0, 0.5);
  job.Take(2 * kSecond, kSecondTicks / 2, 0.5);
  // The cap was raised to four processors just after the last read, all of them were used, and it was lowered again.
  job.Take(3 * kSecond, kSecondTicks * 9 / 2, 4);
  CHECK_NEAR(job.used(), 4.5, 1e-9);
  CHECK_NEAR(job.allowed(), 4.5, 1e-9);
  job.Take(4 * kSecond, kSecondTicks * 17 / 2, 0.5);
  CHECK_NEAR(job.used(), 8.5, 1e-9);
  CHECK_NEAR(job.allowed(), 8.5, 1e-9);
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
  figures.process_used = 3 * kGiB;  // beyond the limit already
  verdict = JudgeMemory(figures);
  CHECK(verdict.bound == MemoryBound::kProcess);
  CHECK_EQ(verdict.available, 0);
  CHECK_EQ(verdict.limit, kGiB);
}

TEST(WindowsMemoryNamesTheLimitThatCommitOnlyRepeats) {
  MemoryFigures figures;
  figures.physical_total = 16 * kGiB;
  figures.physical_available = 8 * kGiB;
  figures.process_limit = figures.commit_limit = 2 * kGiB;
  figures.process_used = figures.commit_total = kGiB;
  CHECK(JudgeMemory(figures).bound == MemoryBound::kProcess);
  CHECK_EQ(JudgeMemory(figures).available, kGiB);
  CHECK_EQ(JudgeMemory(figures).limit, 2 * kGiB);
  // Other programs use more memory, so commit runs out first.
  figures.commit_limit = 20 * kGiB;
  figures.commit_total = 20 * kGiB - 1000;
  CHECK(JudgeMemory(figures).bound == MemoryBound::kCommit);
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

TEST(WindowsSharesAreWithinAHundred) {
  CHECK_NEAR(ShareGone(100, 40), 60, 1e-9);
  // A quota of 10 GiB on a volume with 500 GiB free: total and available refer to the quota.
  CHECK_NEAR(ShareGone(10 * kGiB, 3 * kGiB), 70, 1e-9);
  CHECK_EQ(ShareGone(100, 0), 100.0);
  // 100 times as much is rounded up.
  CHECK_EQ(ShareGone(8448327319656880, 0), 100.0);
  CHECK_EQ(ShareGone(100, 200), 0.0);
  CHECK_EQ(ShareGone(0, 0), 0.0);
  PageFiles files;
  CHECK_EQ(files.Share(), 0.0);
  files.total = 4;
  files.used = 1;
  CHECK_EQ(files.Share(), 25.0);
  files.used = 5;
  CHECK_EQ(files.Share(), 100.0);
}

TEST(WindowsPageFilesAreAChain) {
  // Two page files in the kernel's layout: offset, size, use, peak, the header of the string, and its characters.
  alignas(8) char data[256] = {};
  const auto put = [&data](size_t at, uint32_t value) { memcpy(data + at, &value, sizeof(value)); };
  put(0, 72);
  put(4, 1000);
  put(8, 100);
  put(12, 300);
  put(72, 0);
  put(76, 500);
  put(80, 50);
  put(84, 60);
  const PageFiles both = SumOfPageFiles(data, 144);
  CHECK_EQ(both.total, 1500);
  CHECK_EQ(both.used, 150);
  // No page file, a truncated record, and a chain that leads beyond the data.
  CHECK_EQ(SumOfPageFiles(data, 0).total, 0);
  CHECK_EQ(SumOfPageFiles(data, 80).total, 1000);
  put(72, 0xFFFFFFF0u);
  CHECK_EQ(SumOfPageFiles(data, 144).total, 1500);
}

TEST(WindowsInterfacesWithDevices) {
  const Interface all[] = {
      {6, true, false},                       // Ethernet
      {6, true, true},                        // a filter on it, which sees the same packets
      {6, false, false},                      // a team, a bridge or a virtual switch
      {24, false, false},                     // loopback
      {24, true, false},  {71, true, false},  // Wi-Fi
  };
  const bool counted[] = {true, false, false, false, false, true};
  for (size_t i = 0; i < 6; i++) CHECK_EQ(IsCounted(all, 6, i), counted[i]);
  // A container has only virtual interfaces.
  CHECK(IsCounted(all + 2, 2, 0));
  CHECK(!IsCounted(all + 2, 2, 1));
  const Interface filter = {6, false, true};
  CHECK(!IsCounted(&filter, 1, 0));
}

TEST(WindowsVirtualFunctionIsCountedOnce) {
  // The synthetic interface of a virtual machine also counts the traffic of its virtual function.
  Interface all[] = {{6, true, false, 0x000D3A112233, 5000}, {6, true, false, 0x000D3A112233, 4900}};
  CHECK(IsCounted(all, 2, 0));
  CHECK(!IsCounted(all, 2, 1));
  // If it does not, most of the traffic goes through the virtual function.
  all[0].bytes = 100;
  CHECK(!IsCounted(all, 2, 0));
  CHECK(IsCounted(all, 2, 1));
  // Before there is any traffic, exactly one of them counts.
  all[0].bytes = all[1].bytes = 0;
  CHECK(IsCounted(all, 2, 0));
  CHECK(!IsCounted(all, 2, 1));
  // Two different cards count, and so do two interfaces without an address.
  all[1].address++;
  CHECK(IsCounted(all, 2, 0) && IsCounted(all, 2, 1));
  all[0].address = all[1].address = 0;
  CHECK(IsCounted(all, 2, 0) && IsCounted(all, 2, 1));
  // A team has the address of its first member, but no hardware.
  const Interface team[] = {{6, true, false, 7, 10}, {6, false, false, 7, 20}};
  CHECK(IsCounted(team, 2, 0));
  CHECK(!IsCounted(team, 2, 1));
}

TEST(WindowsAddressesAreNumbers) {
  const uint8_t bytes[] = {0x00, 0x0D, 0x3A, 0x11, 0x22, 0x33};
  CHECK_EQ(ToAddress(bytes, 6), 0x000D3A112233u);
  CHECK_EQ(ToAddress(bytes, 0), 0u);
}

TEST(WindowsProcessesThatEndWith259HaveEnded) {
  CHECK(!HasExited(259, 0));
  CHECK(HasExited(259, 133600000000000000));
  CHECK(HasExited(0, 133600000000000000));
  CHECK(HasExited(1, 0));
}

TEST(WindowsBatteries) {
  double value = -1;
  CHECK(BatteryPercent(0, 57, false, &value) == Known::kYes);
  CHECK_EQ(value, 57.0);
  CHECK(BatteryPercent(128, 255, false, &value) == Known::kAbsent);
  CHECK(BatteryPercent(255, 255, false, &value) == Known::kNo);
  CHECK(BatteryPercent(1, 101, false, &value) == Known::kNo);
  // The battery of a UPS does not count.
  CHECK(BatteryPercent(1, 80, true, &value) == Known::kAbsent);
  CHECK(BatteryPercent(255, 255, true, &value) == Known::kAbsent);
}

TEST(WindowsPowerIsOnline) {
  double value = -1;
  CHECK(PowerIsOnline(0, 0, &value) == Known::kYes);
  CHECK_EQ(value, 0.0);
  CHECK(PowerIsOnline(1, 0, &value) == Known::kYes);
  CHECK_EQ(value, 1.0);
  // A battery that is charging means external power, whatever the adapter reports.
  CHECK(PowerIsOnline(0, 8, &value) == Known::kYes);
  CHECK_EQ(value, 1.0);
  // Without a battery the answer is always yes.
  for (const uint8_t line : {uint8_t{0}, uint8_t{1}, uint8_t{255}}) {
    value = -1;
    CHECK(PowerIsOnline(line, 128, &value) == Known::kYes);
    CHECK_EQ(value, 1.0);
  }
  CHECK(PowerIsOnline(255, 0, &value) == Known::kNo);
  CHECK(PowerIsOnline(255, 255, &value) == Known::kNo);
}

TEST(WindowsLoadAverageFollowsTasks) {
  LoadAverage load;
  CHECK(!load.started());
  load.Add(4, 1);
  CHECK_EQ(load.value(), 4.0);
  for (int i = 0; i < 60; i++) load.Add(8, 1);
  // After a minute, the average has come 1 - 1/e of the way, as on Unix.
  CHECK_NEAR(load.value(), 8 - 4 / 2.718281828, 0.01);
  for (int i = 0; i < 600; i++) load.Add(0, 1);
  CHECK_NEAR(load.value(), 0, 0.01);
}
