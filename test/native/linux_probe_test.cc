// Runs the probes over made-up file trees and over this machine's own files.
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>

#include "check.h"
#include "fixture.h"
#include "linux/file.h"
#include "reader.h"

namespace tripline {
namespace {

using test::FakeRoot;

using test::EndsWith;
using test::now;
using test::Reader;

double Growth(const Reading& from, const Reading& to) { return 100 * test::Quotient(from, to); }

const char* OriginOf(const Reader& reader, Metric metric, const Reading& from, const Reading& to) {
  return reader.probe->OriginOf(metric, test::LargestPart(from, to));
}

// ---- cpu

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

// ---- memory

constexpr double kGiB = 1024.0 * 1024 * 1024;
constexpr double kMiB = 1024.0 * 1024;

void PutHost(FakeRoot* root) {
  root->Change("proc/meminfo",
               "MemTotal: 8388608 kB\nMemFree: 1 kB\nMemAvailable: 6291456 kB\nSwapTotal: 1024 kB\nSwapFree: 256 kB\n");
}

TEST(MemoryOfTheHost) {
  FakeRoot root;
  PutHost(&root);
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemory), 25, 1e-9);
  CHECK_NEAR(reader.Level(Metric::kMemoryHost), 25, 1e-9);
  CHECK_NEAR(reader.Level(Metric::kMemoryAvailable), 6 * kGiB, 1);
  CHECK_NEAR(reader.Level(Metric::kSwap), 75, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kMemory), "/proc/meminfo"));
  CHECK_EQ(reader.probe->MinPeriodMs(Metric::kMemory), 10);
}

TEST(MemoryReadsMeminfoAtMostAHundredTimesPerSecond) {
  FakeRoot root;
  PutHost(&root);
  Reader reader(Metric::kMemoryHost);
  CHECK_NEAR(reader.Level(Metric::kMemoryHost), 25, 1e-9);
  root.Change("proc/meminfo", "MemTotal: 8388608 kB\nMemFree: 1 kB\nMemAvailable: 4194304 kB\n");
  now += 5 * kMillisecond;
  CHECK_NEAR(reader.Level(Metric::kMemoryHost), 25, 1e-9);
  now += 5 * kMillisecond;
  CHECK_NEAR(reader.Level(Metric::kMemoryHost), 50, 1e-9);
}

void PutVersion2(FakeRoot* root) {
  PutHost(root);
  root->Put("proc/self/cgroup", "0::/outer/inner\n");
  root->Put("proc/self/mountinfo", "31 22 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n");
  root->Change("sys/fs/cgroup/outer/memory.max", "1073741824\n");
  root->Change("sys/fs/cgroup/outer/memory.current", "805306368\n");
  root->Change("sys/fs/cgroup/outer/memory.stat",
               "inactive_file 134217728\nactive_file 134217728\nfile_dirty 0\nslab_reclaimable 0\n");
  root->Change("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  root->Change("sys/fs/cgroup/outer/inner/memory.current", "1000\n");
  root->Change("sys/fs/cgroup/outer/inner/memory.stat", "inactive_file 0\n");
}

TEST(MemoryLimitOnAnAncestorOfVersion2) {
  FakeRoot root;
  PutVersion2(&root);
  Reader reader(Metric::kMemory);
  // 768 MiB of 1 GiB are used, 256 MiB of which are page cache.
  CHECK_NEAR(reader.Level(Metric::kMemory), 50, 1e-9);
  CHECK_NEAR(reader.Level(Metric::kMemoryAvailable), 512 * kMiB, 1);
  CHECK_NEAR(reader.Level(Metric::kMemoryHost), 25, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kMemory), "/sys/fs/cgroup/outer/memory.current"));
  CHECK_EQ(reader.probe->MinPeriodMs(Metric::kMemory), 1);
  // The new usage is read a millisecond later.
  root.Change("sys/fs/cgroup/outer/memory.current", "939524096\n");
  now += kMillisecond;
  CHECK_NEAR(reader.Level(Metric::kMemory), 62.5, 1e-9);
}

TEST(MemoryStatIsReadMoreOftenCloseToTheLimit) {
  FakeRoot root;
  PutVersion2(&root);
  const auto put = [&](const char* used, const char* stat) {
    root.Change("sys/fs/cgroup/outer/memory.current", used);
    root.Change("sys/fs/cgroup/outer/memory.stat", stat);
  };
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemory), 50, 1e-9);
  // Page cache becomes memory in use, while the usage stays the same. Far from the limit, that may wait.
  put("805306368\n", "inactive_file 0\nslab_reclaimable 0\n");
  now += 50 * kMillisecond;
  CHECK_NEAR(reader.Level(Metric::kMemory), 50, 1e-9);
  now += 50 * kMillisecond;
  CHECK_NEAR(reader.Level(Metric::kMemory), 75, 1e-9);
  // Close to it, the next read after 10 ms has it: the usage was 1008 of 1024 MiB all the time.
  put("1056964608\n", "inactive_file 268435456\nslab_reclaimable 0\n");
  now += kMillisecond;
  CHECK_NEAR(reader.Level(Metric::kMemory), 100 * 752.0 / 1024, 1e-9);
  put("1056964608\n", "inactive_file 0\nslab_reclaimable 0\n");
  now += 10 * kMillisecond;
  CHECK_NEAR(reader.Level(Metric::kMemory), 100 * 1008.0 / 1024, 1e-9);
  // If the usage has moved by more than a little, both are read together.
  put("536870912\n", "inactive_file 268435456\nslab_reclaimable 0\n");
  now += kMillisecond;
  CHECK_NEAR(reader.Level(Metric::kMemory), 25, 1e-9);
}

TEST(MemoryLimitsThatChange) {
  FakeRoot root;
  PutVersion2(&root);
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemory), 50, 1e-9);
  root.Change("sys/fs/cgroup/outer/inner/memory.max", "10000\n");
  root.Change("sys/fs/cgroup/outer/inner/memory.current", "9000\n");
  now += kSecond;
  CHECK_NEAR(reader.Level(Metric::kMemory), 90, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kMemory), "/outer/inner/memory.current"));
  root.Change("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  root.Change("sys/fs/cgroup/outer/memory.max", "max\n");
  now += kSecond;
  CHECK_NEAR(reader.Level(Metric::kMemory), 25, 1e-9);
}

TEST(MemoryAfterAMoveToAnotherGroup) {
  FakeRoot root;
  PutVersion2(&root);
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemory), 50, 1e-9);
  root.Change("sys/fs/cgroup/elsewhere/memory.max", "2000000\n");
  root.Change("sys/fs/cgroup/elsewhere/memory.current", "1800000\n");
  root.Change("sys/fs/cgroup/elsewhere/memory.stat", "inactive_file 0\n");
  root.Change("proc/self/cgroup", "0::/elsewhere\n");
  now += 1100 * kMillisecond;
  CHECK_NEAR(reader.Level(Metric::kMemory), 90, 1e-9);
}

TEST(MemoryOfAGroupThatIsRemoved) {
  FakeRoot root;
  PutVersion2(&root);
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemory), 50, 1e-9);
  root.Remove("sys/fs/cgroup/outer");
  root.Change("proc/self/cgroup", "0::/\n");
  for (int i = 0; i < 3; i++) {
    now += kSecond;
    CHECK_EQ(reader.Read(Metric::kMemory).state, Reading::kKnown);
  }
  CHECK_NEAR(reader.Level(Metric::kMemory), 25, 1e-9);
}

TEST(MemoryInANamespaceOfVersion2) {
  FakeRoot root;
  PutHost(&root);
  root.Put("proc/self/cgroup", "0::/\n");
  root.Put("proc/self/mountinfo", "31 22 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  root.Change("sys/fs/cgroup/memory.max", "1000000\n");
  root.Change("sys/fs/cgroup/memory.current", "400000\n");
  Reader reader(Metric::kMemory);
  // Without a readable memory.stat, page cache counts as used.
  CHECK_NEAR(reader.Level(Metric::kMemory), 40, 1e-9);
}

TEST(MemoryInAContainerOfVersion1WithAHiddenLimit) {
  FakeRoot root;
  PutHost(&root);
  root.Put("proc/self/cgroup", "9:memory:/docker/0123\n1:name=systemd:/docker/0123\n0::/system.slice\n");
  root.Put("proc/self/mountinfo",
           "1005 1003 0:30 /docker/0123 /sys/fs/cgroup/memory ro,nosuid master:15 - cgroup cgroup rw,memory\n");
  root.Change("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  root.Change("sys/fs/cgroup/memory/memory.usage_in_bytes", "314572800\n");
  root.Change(
      "sys/fs/cgroup/memory/memory.stat",
      "inactive_file 1\nhierarchical_memory_limit 419430400\ntotal_inactive_file 104857600\ntotal_active_file 0\n");
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemory), 50, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kMemory), "/sys/fs/cgroup/memory/memory.usage_in_bytes"));
}

TEST(MemoryPathOutsideOfWhatIsMounted) {
  FakeRoot root;
  PutHost(&root);
  root.Put("proc/self/cgroup", "0::/../../other\n");
  root.Put("proc/self/mountinfo", "31 22 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  root.Change("sys/fs/cgroup/memory.max", "1000000\n");
  root.Change("sys/fs/cgroup/memory.current", "100000\n");
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemory), 10, 1e-9);
}

TEST(MemoryHostIsTightWhileTheGroupIsNot) {
  FakeRoot root;
  PutVersion2(&root);
  root.Change("proc/meminfo", "MemTotal: 8388608 kB\nMemFree: 1 kB\nMemAvailable: 104857 kB\n");
  Reader reader(Metric::kMemory);
  // The group has a limit of 1 GiB, but the host has less than that left.
  CHECK_NEAR(reader.Level(Metric::kMemory), 100 * (1 - 104857.0 / 1048576), 1e-6);
  CHECK(EndsWith(reader.probe->Origin(Metric::kMemory), "/proc/meminfo"));
}

TEST(MemoryCountsTheZfsCacheAsAvailable) {
  FakeRoot root;
  PutHost(&root);
  root.Put("proc/spl/kstat/zfs/arcstats", "13 1\nname type data\nc_min 4 0\nsize 4 1073741824\n");
  Reader reader(Metric::kMemoryHost);
  CHECK_NEAR(reader.Level(Metric::kMemoryHost), 12.5, 1e-9);
  root.Put("proc/self/mountinfo", "1 2 0:3 /proc/meminfo /proc/meminfo rw - fuse.lxcfs lxcfs rw\n");
  Reader inside(Metric::kMemoryHost);
  CHECK_NEAR(inside.Level(Metric::kMemoryHost), 25, 1e-9);
}

TEST(MemoryUnreadable) {
  FakeRoot root;
  Reader reader(Metric::kMemory);
  CHECK(reader.WhyHas(Metric::kMemory, "/proc/meminfo: ENOENT"));
  CHECK(reader.WhyHas(Metric::kSwap, "/proc/meminfo"));
  PutHost(&root);
  now += 10 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kMemory), 25, 1e-9);
}

// ---- pressure

int pressure_opens = 0;
int pressure_reads = 0;
FileCalls real_calls;

int CountingOpen(const char* path) {
  if (strstr(path, "/pressure/") != nullptr) pressure_opens++;
  return real_calls.open(path);
}

ssize_t CountingPread(int fd, void* data, size_t size, off_t offset) {
  const ssize_t got = real_calls.pread(fd, data, size, offset);
  if (got >= 4 && memcmp(data, "some", 4) == 0) pressure_reads++;
  return got;
}

TEST(PressureIsReadOncePerSecondForAllReaders) {
  FakeRoot root;
  root.Change("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n");
  real_calls = file_calls;
  file_calls.open = CountingOpen;
  file_calls.pread = CountingPread;
  pressure_reads = 0;
  // A thousand readers within ten seconds, each with its own probe, next to one that stays.
  Reader supervisor(Metric::kPressureCpu);
  for (int i = 0; i < 1000; i++) {
    Reader reader(Metric::kPressureCpu);
    CHECK_EQ(reader.Read(Metric::kPressureCpu).state, Reading::kKnown);
    CHECK(supervisor.Read(Metric::kPressureCpu).state != Reading::kUnavailable);
    now += 10 * kMillisecond;
  }
  CHECK_EQ(pressure_reads, 10);
  file_calls = real_calls;
}

TEST(PressureReadTooEarlyIsReadSoonAfter) {
  FakeRoot root;
  root.Change("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n");
  Reader reader(Metric::kPressureCpu);
  CHECK_EQ(reader.Read(Metric::kPressureCpu).state, Reading::kKnown);
  CHECK_EQ(reader.probe->MinPeriodMs(Metric::kPressureCpu), 1000);
  now += 900 * kMillisecond;
  CHECK_EQ(reader.Read(Metric::kPressureCpu).state, Reading::kAbsent);
  const uint32_t left = reader.probe->MinPeriodMs(Metric::kPressureCpu);
  CHECK(left > 100 && left < 120);
  now += left * kMillisecond;
  CHECK_EQ(reader.Read(Metric::kPressureCpu).state, Reading::kKnown);
  CHECK_EQ(reader.probe->MinPeriodMs(Metric::kPressureCpu), 1000);
}

TEST(PressureShare) {
  FakeRoot root;
  root.Change("proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\nfull avg10=0 total=5\n");
  Reader reader(Metric::kPressureIo);
  const Reading first = reader.Read(Metric::kPressureIo);
  now += kSecond;
  root.Change("proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1400000\nfull avg10=0 total=5\n");
  CHECK_NEAR(Growth(first, reader.Read(Metric::kPressureIo)), 40, 1e-6);
}

TEST(PressureSaysWhyNot) {
  FakeRoot root;
  Reader reader(Metric::kPressureMemory);
  CHECK(reader.WhyHas(Metric::kPressureMemory, "ENOENT (kernel without pressure stall information"));
  root.Change("proc/pressure/cpu", "nonsense\n");
  CHECK(reader.WhyHas(Metric::kPressureCpu, "without a line"));
}

// ---- disk

TEST(DiskOfThisMachine) {
  Selector selector;
  selector.name = "/";
  Reader reader(Metric::kDisk, selector);
  CHECK(reader.probe != nullptr);
  const double used = reader.Level(Metric::kDisk);
  CHECK(used > 0 && used <= 100);
  CHECK(reader.Level(Metric::kDiskFree) >= 0);
  CHECK_EQ(reader.probe->Origin(Metric::kDisk), "/");
}

TEST(DiskPathThatDoesNotExist) {
  Selector selector;
  selector.name = "/no/such/path";
  Reader reader(Metric::kDisk, selector);
  CHECK(reader.probe == nullptr);
  CHECK(strstr(reader.failure.text, "/no/such/path: ENOENT") != nullptr);
}

TEST(DiskWithoutBlocks) {
  Selector selector;
  selector.name = "/proc";
  Reader reader(Metric::kDisk, selector);
  CHECK(reader.WhyHas(Metric::kDisk, "without blocks"));
  CHECK(reader.WhyHas(Metric::kDiskInodes, "no inode limit"));
}

TEST(DiskOnANetworkMountBlocks) {
  FakeRoot root;
  char mountinfo[1024];
  char server[128], link[128];
  snprintf(server, sizeof(server), "%s", root.PathOf("server"));
  snprintf(link, sizeof(link), "%s", root.PathOf("link"));
  root.MakeDirectory("server/folder");
  CHECK_EQ(symlink("server/folder", link), 0);
  snprintf(mountinfo, sizeof(mountinfo), "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:9 / %s rw - nfs4 nas:/x rw\n",
           server);
  root.Put("proc/self/mountinfo", mountinfo);
  for (const char* path : {"server", "server/folder", "link", "server/not/there"}) {
    Selector selector;
    char full[512];
    snprintf(full, sizeof(full), "%s", root.PathOf(path));
    selector.name = full;
    Reader reader(Metric::kDisk, selector);
    CHECK(reader.probe != nullptr && reader.probe->blocking());
  }
  Selector local;
  local.name = root.root;
  Reader reader(Metric::kDisk, local);
  CHECK(reader.probe != nullptr && !reader.probe->blocking());
}

// Reads and opens that fail a number of times and then succeed.
int fail_with = 0;
int fail_times = 0;

ssize_t FailingPread(int fd, void* data, size_t size, off_t offset) {
  if (fail_times != 0) {
    fail_times--;
    errno = fail_with;
    return -1;
  }
  return real_calls.pread(fd, data, size, offset);
}

int FailingOpen(const char* path) {
  if (fail_times == 0) return real_calls.open(path);
  fail_times--;
  errno = fail_with;
  return -1;
}

// ---- processes

// How many threads of a sanitizer a process that was just forked may not have started yet.
constexpr double kLater = test::kOwnThreads - 1;

TEST(ProcessOfOurOwn) {
  Reader reader(Metric::kProcessRss);
  CHECK(reader.Level(Metric::kProcessRss) > 100000);
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), test::kOwnThreads, 0);
}

// However short the time between two reads, a process is never busier than the CPUs that it can use.
TEST(ProcessOfOurOwnIsNeverBusierThanItsCpus) {
  Reader reader(Metric::kProcessCpu);
  const double online = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
  const Reading first = reader.Read(Metric::kProcessCpu);
  Reading last = first;
  for (int i = 0; i < 20000; i++) {
    const Reading reading = reader.Read(Metric::kProcessCpu);
    CHECK(test::Quotient(last, reading) <= online + 1e-6);
    last = reading;
  }
  CHECK(test::Quotient(first, last) > 0);
}

pid_t Start(void (*body)()) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  body();
  _exit(0);
}

void Idle() {
  for (;;) pause();
}

// Uses `seconds` of CPU time, measured by the thread's CPU clock.
void Burn(double seconds) {
  for (;;) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    if (static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9 > seconds) return;
  }
}

TEST(ProcessThatEnds) {
  const pid_t pid = Start(Idle);
  Selector selector;
  selector.pid = pid;
  Reader reader(Metric::kProcessRss, selector);
  CHECK(reader.probe != nullptr);
  CHECK(reader.Level(Metric::kProcessRss) > 0);
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), test::kOwnThreads, kLater);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  now += kSecond;
  CHECK(reader.WhyHas(Metric::kProcessRss, "has ended"));
  CHECK(reader.WhyHas(Metric::kProcessCpu, "has ended"));
}

TEST(ProcessThatIsNot) {
  Selector selector;
  selector.pid = 0x3fffffff;
  Reader reader(Metric::kProcessRss, selector);
  CHECK(reader.probe == nullptr);
  CHECK(strstr(reader.failure.text, "no such process") != nullptr);
  selector.tree = true;
  Reader tree(Metric::kProcessRss, selector);
  CHECK(tree.probe == nullptr);
  CHECK(strstr(tree.failure.text, "no such process") != nullptr);
}

int go[2];
int done[2];

// Waits for a byte, starts a child that uses 0.2 s of CPU and ends, waits for the child, reports that, and idles.
void ParentOfABurner() {
  char byte;
  if (read(go[0], &byte, 1) != 1) return;
  const pid_t child = fork();
  if (child == 0) {
    Burn(0.2);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  if (write(done[1], "x", 1) != 1) return;
  Idle();
}

TEST(TreeCountsChildrenThatCameAndWent) {
  CHECK(pipe(go) == 0 && pipe(done) == 0);
  const pid_t pid = Start(ParentOfABurner);
  Selector selector;
  selector.pid = pid;
  selector.tree = true;
  Reader reader(Metric::kProcessCpu, selector);
  CHECK(reader.probe != nullptr);
  const Reading first = reader.Read(Metric::kProcessCpu);
  double last = first.num[0];
  CHECK(write(go[1], "x", 1) == 1);
  // Read while the child runs as well: what is seen of the child then must not count twice.
  for (int i = 0; i < 20; i++) {
    struct timespec pause = {0, 15000000};
    nanosleep(&pause, nullptr);
    now += 10 * kSecond;
    const double used = reader.Read(Metric::kProcessCpu).num[0];
    CHECK(used >= last);
    last = used;
  }
  char byte;
  CHECK(read(done[0], &byte, 1) == 1);
  now += 10 * kSecond;
  const Reading second = reader.Read(Metric::kProcessCpu);
  CHECK_NEAR(second.num[0] - first.num[0], 0.2, 0.05);
  CHECK(reader.Level(Metric::kProcessRss) > 0);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  now += 10 * kSecond;
  CHECK(reader.WhyHas(Metric::kProcessCpu, "have ended"));
}

void ParentOfIdlers() {
  for (int i = 0; i < 3; i++) {
    if (fork() == 0) Idle();
  }
  if (write(done[1], "x", 1) != 1) return;
  Idle();
}

TEST(TreeKeepsTheOrphans) {
  CHECK(pipe(done) == 0);
  const pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    ParentOfIdlers();
    _exit(0);
  }
  char byte;
  CHECK(read(done[0], &byte, 1) == 1);
  Selector selector;
  selector.pid = pid;
  selector.tree = true;
  Reader reader(Metric::kProcessThreads, selector);
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), 4 * test::kOwnThreads, 4 * kLater);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  now += 10 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), 3 * test::kOwnThreads, 3 * kLater);
  kill(-pid, SIGKILL);
  bool ended = false;
  for (int i = 0; i < 500 && !ended; i++) {
    struct timespec pause = {0, 10000000};
    nanosleep(&pause, nullptr);
    now += 10 * kSecond;
    ended = reader.Read(Metric::kProcessThreads).state == Reading::kUnavailable;
  }
  CHECK(ended);
}

constexpr size_t kHeld = size_t{32} << 20;

void* HoldMemory(void*) {
  char* memory = static_cast<char*>(malloc(kHeld));
  for (size_t i = 0; i < kHeld; i += 4096) static_cast<volatile char*>(memory)[i] = 1;
  if (write(done[1], "x", 1) != 1) return nullptr;
  for (;;) Burn(3600);
}

// Runs in a process whose main thread ends while another thread goes on.
void LoseTheMainThread() {
  pthread_t thread;
  pthread_create(&thread, nullptr, HoldMemory, nullptr);
  pthread_exit(nullptr);
}

void WaitForState(pid_t pid, char state) {
  char path[64], text[256] = {};
  snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  for (int i = 0; i < 1000; i++) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    const char* name_end = strrchr(text, ')');
    if (name_end != nullptr && name_end[2] == state) return;
    usleep(10000);
  }
  CHECK(false);
}

TEST(ProcessWhoseMainThreadHasEnded) {
  CHECK(pipe(done) == 0);
  const pid_t pid = Start(LoseTheMainThread);
  char byte;
  CHECK(read(done[0], &byte, 1) == 1);
  WaitForState(pid, 'Z');
  Selector selector;
  selector.pid = pid;
  for (const bool tree : {false, true}) {
    selector.tree = tree;
    Reader reader(Metric::kProcessRss, selector);
    CHECK(reader.probe != nullptr);
    CHECK(reader.Level(Metric::kProcessRss) > static_cast<double>(kHeld));
    CHECK(reader.Level(Metric::kProcessFootprint) > static_cast<double>(kHeld));
    CHECK(reader.Level(Metric::kProcessFds) > 0);
    CHECK_NEAR(reader.Level(Metric::kProcessCount), 1, 0);
    const Reading first = reader.Read(Metric::kProcessCpu);
    double used = 0;
    for (int i = 0; i < 500 && used == 0; i++) {
      usleep(10000);
      now += kSecond;
      used = reader.Read(Metric::kProcessCpu).num[0] - first.num[0];
    }
    CHECK(used > 0);
  }
  selector.tree = false;
  Reader reader(Metric::kProcessRss, selector);
  Reader tree(Metric::kProcessRss, selector);
  CHECK(reader.Level(Metric::kProcessRss) > static_cast<double>(kHeld));
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  now += kSecond;
  CHECK(reader.WhyHas(Metric::kProcessRss, "has ended"));
  CHECK(tree.WhyHas(Metric::kProcessRss, "ended"));
}

TEST(ProcessThatLosesItsMainThreadWhileItIsRead) {
  for (const bool tree : {false, true}) {
    FakeRoot root;
    root.Change("proc/10/stat", "10 (a) S 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 3 0 1 0 100\n");
    root.Change("proc/10/statm", "1000 100 50 1 0 1 0\n");
    root.Change("proc/10/task/11/statm", "1000 100 50 1 0 1 0\n");
    root.Change("proc/10/task/12/statm", "1000 100 50 1 0 1 0\n");
    root.PutFixture("proc/10/task/12/limits", "linux/limits/6.18");
    root.PutFixture("proc/10/limits", "linux/limits/6.18");
    root.Put("proc/10/task/12/fd/0", "");
    Selector selector;
    selector.pid = 10;
    selector.tree = tree;
    Reader reader(Metric::kProcessRss, selector);
    const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
    CHECK_NEAR(reader.Level(Metric::kProcessRss), 100 * page, 0);
    root.Change("proc/10/stat", "10 (a) Z 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 3 0 1 0 0\n");
    root.Change("proc/10/statm", "0 0 0 0 0 0 0\n");
    now += 10 * kSecond;
    CHECK_NEAR(reader.Level(Metric::kProcessRss), 100 * page, 0);
    // One of the other threads ends as well.
    root.Change("proc/10/task/11/statm", "0 0 0 0 0 0 0\n");
    root.Change("proc/10/task/12/statm", "1000 70 50 1 0 1 0\n");
    now += 10 * kSecond;
    CHECK_NEAR(reader.Level(Metric::kProcessRss), 70 * page, 0);
    CHECK(reader.Level(Metric::kProcessFds) > 0);
    CHECK_NEAR(reader.Level(Metric::kProcessCount), 1, 0);
    // Only the zombie is left.
    root.Change("proc/10/stat", "10 (a) Z 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 1 0 1 0 0\n");
    now += 10 * kSecond;
    CHECK(reader.WhyHas(Metric::kProcessRss, "ended"));
  }
}

TEST(ProcessThatOnlyCannotBeReadHasNotEnded) {
  FakeRoot root;
  root.Change("proc/10/stat", "10 (a) S 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 2 0 1 0 100\n");
  root.Change("proc/10/statm", "1000 100 50 1 0 1 0\n");
  Selector selector;
  selector.pid = 10;
  Reader reader(Metric::kProcessThreads, selector);
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), 2, 0);
  real_calls = file_calls;
  file_calls.pread = FailingPread;
  fail_with = ENOMEM;
  fail_times = 1;
  now += kSecond;
  CHECK(reader.WhyHas(Metric::kProcessThreads, "ENOMEM"));
  now += kSecond;
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), 2, 0);
  fail_with = ESRCH;
  fail_times = 1;
  now += kSecond;
  CHECK(reader.WhyHas(Metric::kProcessThreads, "has ended"));
  file_calls = real_calls;
}

// A tick is ten milliseconds. Counted within one millisecond, it would look like ten CPUs.
TEST(ProcessCountedInTicksIsNeverBusierThanItsThreads) {
  for (const bool tree : {false, true}) {
    FakeRoot root;
    root.Put("sys/devices/system/cpu/online", "0-7\n");
    root.Change("proc/10/stat", "10 (a) S 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 1 0 1 0 100\n");
    root.Change("proc/10/statm", "1000 100 50 1 0 1 0\n");
    Selector selector;
    selector.pid = 10;
    selector.tree = tree;
    Reader reader(Metric::kProcessCpu, selector);
    const Reading first = reader.Read(Metric::kProcessCpu);
    Reading last = first;
    for (int i = 1; i <= 1000; i++) {
      now += kMillisecond;
      char text[128];
      // The process is busy for the first half second and idle afterwards.
      const int ticks = 100 + (i < 500 ? i / 10 : 50);
      snprintf(text, sizeof(text), "10 (a) R 1 1 1 0 -1 0 0 0 0 0 %d 0 50 0 20 0 1 0 1 0 100\n", ticks);
      root.Change("proc/10/stat", text);
      const Reading reading = reader.Read(Metric::kProcessCpu);
      CHECK(test::Quotient(last, reading) <= 1 + 1e-6);
      last = reading;
    }
    CHECK_NEAR(last.num[0] - first.num[0], 0.5, 0.011);
    CHECK_NEAR(last.den[0] - first.den[0], 1, 0.011);
  }
}

TEST(TreeWithAChildThatIsFoundLate) {
  FakeRoot root;
  root.Put("sys/devices/system/cpu/online", "0-1\n");
  root.Put("proc/10/stat", "10 (a) S 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 1 0 1 0 100\n");
  Selector selector;
  selector.pid = 10;
  selector.tree = true;
  Reader reader(Metric::kProcessCpu, selector);
  Reading last = reader.Read(Metric::kProcessCpu);
  now += 100 * kMillisecond;
  last = reader.Read(Metric::kProcessCpu);
  // The child was started after the first read and has used one second since.
  root.Put("proc/11/stat", "11 (b) R 10 1 1 0 -1 0 0 0 0 0 100 0 0 0 20 0 1 0 4000000000 0 100\n");
  double used = 0;
  for (int i = 0; i < 200; i++) {
    now += 10 * kMillisecond;
    const Reading reading = reader.Read(Metric::kProcessCpu);
    CHECK(test::Quotient(last, reading) <= 2 + 1e-6);
    used += reading.num[0] - last.num[0];
    last = reading;
  }
  CHECK_NEAR(used, 1, 1e-6);
}

TEST(TreeThatCannotBeReadForLackOfDescriptorsIsUnavailable) {
  FakeRoot root;
  root.Put("sys/devices/system/cpu/online", "0-1\n");
  root.Put("proc/10/stat", "10 (a) S 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 1 0 1 0 100\n");
  Selector selector;
  selector.pid = 10;
  selector.tree = true;
  Reader reader(Metric::kProcessRss, selector);
  const double alone = reader.Level(Metric::kProcessRss);
  CHECK(alone > 0);
  root.Put("proc/11/stat", "11 (b) R 10 1 1 0 -1 0 0 0 0 0 100 0 0 0 20 0 1 0 4000000000 0 100\n");
  now += 10 * kSecond;
  struct rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  const struct rlimit none = {0, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  CHECK(reader.WhyHas(Metric::kProcessRss, "EMFILE"));
  setrlimit(RLIMIT_NOFILE, &before);
  now += 10 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kProcessRss), 2 * alone, 0);
}

TEST(TreeUnderHostProc) {
  FakeRoot root;
  root.Put("proc/10/stat", "10 (a) S 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 2 0 1 0 100\n");
  root.Put("proc/11/stat", "11 (b) S 10 1 1 0 -1 0 0 0 0 0 100 0 0 0 20 0 3 0 1 0 100\n");
  root.Put("proc/12/stat", "12 (c) S 11 1 1 0 -1 0 0 0 0 0 100 0 0 0 20 0 4 0 1 0 100\n");
  root.Put("proc/13/stat", "13 (d) S 1 1 1 0 -1 0 0 0 0 0 100 0 0 0 20 0 5 0 1 0 100\n");
  Selector selector;
  selector.pid = 10;
  selector.tree = true;
  Reader reader(Metric::kProcessThreads, selector);
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), 9, 0);
  const Reading first = reader.Read(Metric::kProcessCpu);
  now += 10 * kSecond;
  // Process 11 uses 0.5 s. Process 12 ends, and its one second is now part of its parent's figure.
  root.Change("proc/11/stat", "11 (b) S 10 1 1 0 -1 0 0 0 0 0 150 0 100 0 20 0 3 0 1 0 100\n");
  root.Change("proc/12/stat", "");
  const Reading second = reader.Read(Metric::kProcessCpu);
  CHECK_NEAR(second.num[0] - first.num[0], 0.5, 1e-9);
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), 5, 0);
}

TEST(PidsUnderHostProcAreOfThatTree) {
  FakeRoot root;
  char path[64], text[256];
  snprintf(path, sizeof(path), "proc/%d/stat", getpid());
  snprintf(text, sizeof(text), "%d (x) S 1 1 1 0 -1 0 0 0 0 0 1 0 5 0 20 0 77 0 1 0 100\n", getpid());
  root.Put(path, text);
  snprintf(path, sizeof(path), "proc/%d/statm", getpid());
  root.Put(path, "10 5 1 1 0 1 0\n");
  Selector selector;
  selector.pid = getpid();
  Reader reader(Metric::kProcessThreads, selector);
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), 77, 0);
}

// ---- files

TEST(FileThatIsReplacedAndVanishes) {
  FakeRoot root;
  root.Change("proc/x", "one");
  File file;
  file.SetPath(root.PathOf("proc/x"));
  Buffer buffer;
  CHECK(file.Read(now, &buffer));
  CHECK_EQ(buffer.size, 3u);
  root.Change("proc/x", "");
  CHECK(file.Read(now, &buffer));
  CHECK_EQ(buffer.size, 0u);
  char big[20000];
  memset(big, 'y', sizeof(big) - 1);
  big[sizeof(big) - 1] = '\0';
  root.Change("proc/x", big);
  CHECK(file.Read(now, &buffer));
  CHECK_EQ(buffer.size, sizeof(big) - 1);
  CHECK(file.ReadPieces(now, &buffer));
  CHECK_EQ(buffer.size, sizeof(big) - 1);
}

TEST(FileBacksOffWhileItIsMissing) {
  FakeRoot root;
  File file;
  file.SetPath(root.PathOf("proc/y"));
  Buffer buffer;
  CHECK(!file.Read(now, &buffer));
  CHECK_EQ(file.error(), ENOENT);
  root.Change("proc/y", "1");
  now += 10 * kMillisecond;
  CHECK(!file.Read(now, &buffer));
  now += 100 * kMillisecond;
  CHECK(file.Read(now, &buffer));
}

TEST(FileReadsThatFail) {
  FakeRoot root;
  root.Change("proc/z", "12345");
  real_calls = file_calls;
  file_calls.pread = FailingPread;
  Buffer buffer;
  struct Fault {
    int error;
    int times;
    bool recovers;
  };
  for (const Fault& fault : {Fault{EINTR, 3, true}, Fault{EIO, 1, true}, Fault{ENODEV, 1, true}, Fault{ESPIPE, 1, true},
                             Fault{ENOTCONN, 1, true}, Fault{ENODEV, 2, false}, Fault{EINTR, 1000, false},
                             Fault{EAGAIN, 1, false}, Fault{ENOMEM, 1, false}}) {
    File file;
    file.SetPath(root.PathOf("proc/z"));
    fail_times = 0;
    CHECK(file.Read(now, &buffer));
    fail_with = fault.error;
    fail_times = fault.times;
    CHECK_EQ(file.Read(now, &buffer), fault.recovers);
    if (!fault.recovers) CHECK_EQ(file.error(), fault.error);
    fail_times = 0;
    now += 10 * kSecond;
    CHECK(file.Read(now, &buffer));
    CHECK_EQ(buffer.size, 5u);
  }
  file_calls = real_calls;
}

// The server of a FUSE file system dies and comes back: another file system is then mounted under the path.
TEST(FileOfAServerThatCameBack) {
  FakeRoot root;
  root.Change("proc/z", "12345");
  real_calls = file_calls;
  file_calls.pread = FailingPread;
  file_calls.open = FailingOpen;
  Buffer buffer;
  File file;
  file.SetPath(root.PathOf("proc/z"));
  CHECK(file.Read(now, &buffer));
  fail_with = ENOTCONN;
  for (int i = 0; i < 200; i++) {
    fail_times = 1000;
    now += 100 * kMillisecond;
    CHECK(!file.Read(now, &buffer));
    CHECK_EQ(file.error(), ENOTCONN);
  }
  fail_times = 0;
  now += kSecond;
  CHECK(file.Read(now, &buffer));
  file_calls = real_calls;
}

TEST(FailureTexts) {
  Failure failure;
  failure.SetErrno("open", "/proc/pressure/cpu", ENOENT, "kernel without PSI");
  CHECK_EQ(static_cast<const char*>(failure.text), "open /proc/pressure/cpu: ENOENT (kernel without PSI)");
  failure.SetErrno("read", "", 9999, "");
  CHECK_EQ(static_cast<const char*>(failure.text), "read: errno 9999");
  char subject[400];
  memset(subject, 'a', sizeof(subject) - 1);
  subject[sizeof(subject) - 1] = '\0';
  failure.SetErrno("open", subject, ENOENT, "hint");
  CHECK_EQ(strlen(failure.text), sizeof(failure.text) - 1);
  CHECK(strstr(failure.text, "aaa...aaa") != nullptr);
  CHECK(strstr(failure.text, "aaa: ENOENT (hint)") != nullptr);
}

}  // namespace
}  // namespace tripline
