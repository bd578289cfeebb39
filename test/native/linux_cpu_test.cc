// cpu*, load over made-up file trees; the share of the affinity over this machine's own /proc/stat.
#include <sched.h>
#include <time.h>
#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fixture.h"
#include "reader.h"

namespace tripline {
namespace {

using test::EndsWith;
using test::FakeRoot;
using test::now;
using test::Reader;

double Growth(const Reading& from, const Reading& to) { return 100 * test::Quotient(from, to); }

const char* OriginOf(const Reader& reader, Metric metric, const Reading& from, const Reading& to) {
  return reader.probe->OriginOf(metric, test::LargestPart(from, to));
}

TEST(CpuSharesOfTheMachine) {
  FakeRoot root;
  root.Change("proc/stat", "cpu  1000 0 500 8000 100 0 0 50 300 0\ncpu0 1000 0 500 8000 100 0 0 50 300 0\n");
  Reader reader(Metric::kCpuHost);
  const Reading first = reader.Read(Metric::kCpuHost);
  CHECK_EQ(first.state, Reading::kKnown);
  CHECK_NEAR(first.den[0], 0, 0);  // the first reading is a baseline, not a value since boot
  now += 500 * kMillisecond;
  // 20 busy (of which 10 stolen), 10 waiting for I/O, 70 idle.
  root.Change("proc/stat", "cpu  1008 0 502 8070 110 0 0 60 308 0\ncpu0 1008 0 502 8070 110 0 0 60 308 0\n");
  CHECK_NEAR(Growth(first, reader.Read(Metric::kCpuHost)), 20, 1e-9);
  CHECK_NEAR(Growth(first, reader.Read(Metric::kCpuSteal)), 10, 1e-9);
  CHECK_NEAR(Growth(first, reader.Read(Metric::kCpuIowait)), 10, 1e-9);
  CHECK_NEAR(Growth(first, reader.Read(Metric::kCpu)), 20, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kCpu), "/proc/stat"));
}

TEST(CpuCountersThatGoBackwards) {
  FakeRoot root;
  root.Change("proc/stat", "cpu  1000 0 500 8000 100 0 0 50 0 0\ncpu0 1000 0 500 8000 100 0 0 50 0 0\n");
  Reader reader(Metric::kCpuHost);
  const Reading first = reader.Read(Metric::kCpuHost);
  now += 500 * kMillisecond;
  root.Change("proc/stat", "cpu  1010 0 500 8030 90 0 0 20 0 0\n");
  const Reading second = reader.Read(Metric::kCpuHost);
  CHECK_NEAR(Growth(first, second), 25, 1e-9);
  now += 500 * kMillisecond;
  root.Change("proc/stat", "cpu  5 0 5 5 5 0 0 0 0 0\n");
  const Reading third = reader.Read(Metric::kCpuHost);
  CHECK(third.num[0] >= second.num[0] && third.den[0] >= second.den[0]);
}

TEST(CpuStatIsReadAtMostTenTimesPerSecond) {
  FakeRoot root;
  root.Change("proc/stat", "cpu  1000 0 500 8000 0 0 0 0 0 0\ncpu0 1 0 0 0\n");
  Reader reader(Metric::kCpuHost);
  const Reading first = reader.Read(Metric::kCpuHost);
  root.Change("proc/stat", "cpu  2000 0 500 8000 0 0 0 0 0 0\ncpu0 1 0 0 0\n");
  now += 50 * kMillisecond;
  CHECK_NEAR(reader.Read(Metric::kCpuHost).den[0], first.den[0], 0);
  now += 50 * kMillisecond;
  CHECK(reader.Read(Metric::kCpuHost).den[0] > first.den[0]);
}

TEST(CpuUnreadable) {
  FakeRoot root;
  Reader reader(Metric::kCpuHost);
  CHECK(reader.WhyHas(Metric::kCpuHost, "/proc/stat: ENOENT"));
  now += 10 * kSecond;
  root.Change("proc/stat", "garbage\n");
  CHECK(reader.WhyHas(Metric::kCpuHost, "no line of CPU times"));
  CHECK(reader.WhyHas(Metric::kCpuThrottled, "no cgroup hierarchy with the cpu controller"));
}

TEST(CpuQuotaOfVersion2) {
  FakeRoot root;
  root.Change("proc/stat", "cpu  1000 0 500 8000 0 0 0 0 0 0\ncpu0 1000 0 500 8000 0 0 0 0 0 0\n");
  root.Put("proc/self/cgroup", "0::/outer/inner\n");
  root.Put("proc/self/mountinfo", "31 22 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  root.Change("sys/fs/cgroup/outer/cpu.max", "150000 100000\n");
  root.Change("sys/fs/cgroup/outer/cpu.stat", "usage_usec 1000000\nthrottled_usec 0\n");
  root.Change("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
  root.Change("sys/fs/cgroup/outer/inner/cpu.stat", "usage_usec 500000\nthrottled_usec 0\n");
  Reader reader(Metric::kCpu);
  const Reading first = reader.Read(Metric::kCpu);
  const Reading throttled = reader.Read(Metric::kCpuThrottled);
  now += kSecond;
  // 1.2 of 1.5 CPUs used; the machine is 10 % busy.
  root.Change("sys/fs/cgroup/outer/cpu.stat", "usage_usec 2200000\nthrottled_usec 250000\n");
  root.Change("proc/stat", "cpu  1010 0 500 8090 0 0 0 0 0 0\ncpu0 1010 0 500 8090 0 0 0 0 0 0\n");
  const Reading second = reader.Read(Metric::kCpu);
  CHECK_NEAR(Growth(first, second), 80, 1e-6);
  CHECK(EndsWith(OriginOf(reader, Metric::kCpu, first, second), "/sys/fs/cgroup/outer/cpu.stat"));
  CHECK_NEAR(Growth(throttled, reader.Read(Metric::kCpuThrottled)), 25, 1e-6);

  // The quota is removed, so only the machine counts.
  root.Change("sys/fs/cgroup/outer/cpu.max", "max 100000\n");
  now += 2 * kSecond;
  reader.Read(Metric::kCpu);
  const Reading later = reader.Read(Metric::kCpu);
  now += kSecond;
  root.Change("proc/stat", "cpu  1060 0 500 8140 0 0 0 0 0 0\n");
  const Reading last = reader.Read(Metric::kCpu);
  CHECK_NEAR(Growth(later, last), 50, 1e-6);
  CHECK(EndsWith(OriginOf(reader, Metric::kCpu, later, last), "/proc/stat"));
}

TEST(CpuQuotaOfVersion1InSeparateHierarchies) {
  FakeRoot root;
  root.Change("proc/stat", "cpu  1000 0 500 8000 0 0 0 0 0 0\ncpu0 1000 0 500 8000 0 0 0 0 0 0\n");
  root.Put("proc/self/cgroup", "2:cpuacct:/box\n1:cpu:/box\n0::/\n");
  root.Put("proc/self/mountinfo",
           "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
           "33 31 0:30 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n"
           "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  root.MakeDirectory("sys/fs/cgroup/unified");
  root.Change("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  root.Change("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "50000\n");
  root.Change("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  root.Change("sys/fs/cgroup/cpu/box/cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n");
  root.Change("sys/fs/cgroup/cpuacct/box/cpuacct.usage", "1000000000\n");
  Reader reader(Metric::kCpu);
  const Reading first = reader.Read(Metric::kCpu);
  const Reading throttled = reader.Read(Metric::kCpuThrottled);
  now += kSecond;
  root.Change("sys/fs/cgroup/cpuacct/box/cpuacct.usage", "1400000000\n");
  root.Change("sys/fs/cgroup/cpu/box/cpu.stat", "nr_periods 10\nnr_throttled 5\nthrottled_time 300000000\n");
  const Reading second = reader.Read(Metric::kCpu);
  CHECK_NEAR(Growth(first, second), 80, 1e-6);
  CHECK(EndsWith(OriginOf(reader, Metric::kCpu, first, second), "/sys/fs/cgroup/cpuacct/box/cpuacct.usage"));
  CHECK_NEAR(Growth(throttled, reader.Read(Metric::kCpuThrottled)), 30, 1e-6);
}

TEST(CpuQuotaInAContainerOfVersion1) {
  FakeRoot root;
  root.Change("proc/stat", "cpu  1000 0 500 8000 0 0 0 0 0 0\ncpu0 1000 0 500 8000 0 0 0 0 0 0\n");
  root.PutFixture("proc/self/cgroup", "linux/cgroup/v1-docker-comounted");
  root.PutFixture("proc/self/mountinfo", "linux/mountinfo/v1-docker");
  root.Change("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n");
  root.Change("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  root.Change("sys/fs/cgroup/cpu,cpuacct/cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n");
  root.Change("sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "0\n");
  Reader reader(Metric::kCpu);
  const Reading first = reader.Read(Metric::kCpu);
  now += kSecond;
  root.Change("sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "1000000000\n");
  const Reading second = reader.Read(Metric::kCpu);
  CHECK_NEAR(Growth(first, second), 50, 1e-6);
  CHECK(EndsWith(OriginOf(reader, Metric::kCpu, first, second), "/cpu,cpuacct/cpuacct.usage"));
}

TEST(CpuThrottledNeedsTheController) {
  FakeRoot root;
  root.Put("proc/self/cgroup", "0::/\n");
  root.Put("proc/self/mountinfo", "31 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  root.Put("sys/fs/cgroup/cpu.stat", "usage_usec 1\n");
  Reader reader(Metric::kCpuThrottled);
  CHECK(reader.WhyHas(Metric::kCpuThrottled, "does not have the cpu controller"));
}

// What /proc/stat counts for one CPU in all, in seconds. Guests are part of the user's time.
static double SecondsOfCpu(int cpu) {
  char name[16];
  snprintf(name, sizeof(name), "cpu%d ", cpu);
  FILE* file = fopen("/proc/stat", "r");
  char line[512];
  double ticks = -1;
  while (file != nullptr && ticks < 0 && fgets(line, sizeof(line), file) != nullptr) {
    if (strncmp(line, name, strlen(name)) != 0) continue;
    ticks = 0;
    char* at = line + strlen(name);
    for (int i = 0; i < 8; i++) ticks += static_cast<double>(strtoull(at, &at, 10));
  }
  if (file != nullptr) fclose(file);
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

TEST(CpuOfTheAffinityOnThisMachine) {
  cpu_set_t before_mask, one;
  CHECK_EQ(sched_getaffinity(0, sizeof(before_mask), &before_mask), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &before_mask)) continue;
    CPU_SET(cpu, &one);
    break;
  }
  sched_setaffinity(0, sizeof(one), &one);
  const auto counted = [&one] {
    int cpu = 0;
    while (!CPU_ISSET(cpu, &one)) cpu++;
    return SecondsOfCpu(cpu);
  };
  Reader reader(Metric::kCpu);
  const double before = counted();
  const Reading first = reader.Read(Metric::kCpu);
  const double begun = counted();
  struct timespec pause = {0, 400000000};
  nanosleep(&pause, nullptr);
  now += kSecond;
  const double ended = counted();
  const Reading second = reader.Read(Metric::kCpu);
  const double after = counted();
  sched_setaffinity(0, sizeof(before_mask), &before_mask);
  // The denominator is the time of one CPU, not of all.
  const double all = second.den[0] - first.den[0];
  CHECK(all >= ended - begun - 1e-6 && all <= after - before + 1e-6);
}

// ---- load

TEST(LoadPerCpu) {
  FakeRoot root;
  root.Put("proc/loadavg", "3.00 1.00 0.50 1/100 1234\n");
  root.PutFixture("proc/stat", "linux/stat/offline-one-and-two");
  Reader reader(Metric::kLoad);
  CHECK_NEAR(reader.Level(Metric::kLoad), 1, 1e-9);
}

TEST(LoadWithoutItsFiles) {
  FakeRoot root;
  Reader reader(Metric::kLoad);
  CHECK(reader.WhyHas(Metric::kLoad, "/proc/loadavg: ENOENT"));
}

}  // namespace
}  // namespace tripline
