// memory* of the machine and of its groups, over made-up file trees.
#include "fixture.h"
#include "reader.h"

namespace tripline {
namespace {

using test::EndsWith;
using test::FakeRoot;
using test::now;
using test::Reader;

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

}  // namespace
}  // namespace tripline
