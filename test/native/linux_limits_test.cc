// Quotas and memory limits up the cgroup chain, over made-up file trees.
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "check.h"
#include "fixture.h"
#include "linux/cgroup.h"
#include "linux/file.h"
#include "reader.h"

namespace tripline {
namespace {

using test::EndsWith;
using test::FakeRoot;
using test::now;
using test::Reader;

constexpr double kMB = 1e6;

void PutHost(FakeRoot* root) {
  root->Change("proc/meminfo", "MemTotal: 1000000 kB\nMemFree: 400000 kB\nMemAvailable: 500000 kB\n");
  root->Change("proc/stat", "cpu  1000 0 500 8000 0 0 0 0\ncpu0 1000 0 500 8000 0 0 0 0\n");
}

// Writes the machine's files and a version 2 hierarchy in which this process is in `group`.
void PutHierarchy(FakeRoot* root, const char* group, const char* options = "rw", const char* mount_root = "/") {
  PutHost(root);
  char text[512];
  snprintf(text, sizeof(text), "0::%s\n", group);
  root->Put("proc/self/cgroup", text);
  snprintf(text, sizeof(text), "31 22 0:26 %s /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 %s\n", mount_root, options);
  root->Put("proc/self/mountinfo", text);
  root->MakeDirectory("sys/fs/cgroup");
}

void PutFile(FakeRoot* root, const char* group, const char* name, const char* text) {
  char path[512];
  snprintf(path, sizeof(path), "sys/fs/cgroup%s/%s", group, name);
  root->Change(path, text);
}

void PutMemory(FakeRoot* root, const char* group, const char* limit, const char* current, const char* stat) {
  PutFile(root, group, "memory.max", limit);
  PutFile(root, group, "memory.current", current);
  PutFile(root, group, "memory.stat", stat);
}

void PutQuota(FakeRoot* root, const char* group, double cpus) {
  char text[64];
  snprintf(text, sizeof(text), "%.0f 100000\n", cpus * 100000);
  PutFile(root, group, "cpu.max", text);
}

void PutUsage(FakeRoot* root, const char* group, double seconds) {
  char text[128];
  snprintf(text, sizeof(text), "usage_usec %.0f\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n", seconds * 1e6);
  PutFile(root, group, "cpu.stat", text);
}

void PutMembers(FakeRoot* root, const char* group, int64_t pid) {
  char text[64];
  snprintf(text, sizeof(text), "1\n%lld\n4000000\n", static_cast<long long>(pid));
  PutFile(root, group, "cgroup.procs", text);
}

// ---- the place itself

TEST(PlaceIsProvenByTheListOfMembersAlone) {
  for (const int64_t pid : {int64_t{getpid()}, int64_t{2}}) {
    FakeRoot root;
    PutHierarchy(&root, "/a");
    PutMembers(&root, "/a", pid);
    Buffer buffer;
    CgroupPlace place;
    place.Update(1, Roots(), "-", &buffer);
    CHECK_EQ(place.version(), 2);
    CHECK_EQ(place.proven(), pid == getpid());
  }
}

// ---- chains of any length

TEST(LimitFarUpTheChain) {
  FakeRoot root;
  char group[64] = "/a";
  PutHierarchy(&root, "/a/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b");
  PutMemory(&root, group, "400000000\n", "300000000\n", "inactive_file 0\n");
  PutQuota(&root, group, 0.5);
  PutUsage(&root, group, 0);
  for (int i = 0; i < 17; i++) {
    strcat(group, "/b");
    PutMemory(&root, group, "max\n", "1000\n", "inactive_file 0\n");
    PutFile(&root, group, "cpu.max", "max 100000\n");
  }
  Reader memory(Metric::kMemory);
  CHECK_NEAR(memory.Level(Metric::kMemory), 75, 1e-9);
  CHECK(EndsWith(memory.probe->Origin(Metric::kMemory), "/sys/fs/cgroup/a/memory.current"));
  Reader cpu(Metric::kCpu);
  const Reading first = cpu.Read(Metric::kCpu);
  PutUsage(&root, "/a", 0.4);
  now += kSecond;
  CHECK_NEAR(test::Quotient(first, cpu.Read(Metric::kCpu)), 0.8, 1e-9);
}

// Sets quotas on `count` nested groups. The group at depth `busy` uses its whole quota, which is little of those above.
void NestQuotas(FakeRoot* root, int count) {
  char group[128] = "";
  for (int i = 0; i < count; i++) {
    strcat(group, "/g");
    PutQuota(root, group, count + 1 - i);
    PutUsage(root, group, 0);
  }
  PutHierarchy(root, group);
}

TEST(ManyQuotas) {
  FakeRoot root;
  NestQuotas(&root, 6);
  Reader reader(Metric::kCpu);
  const Reading first = reader.Read(Metric::kCpu);
  // The fourth group from the top may use four CPUs, and its children are idle.
  PutUsage(&root, "/g", 4);
  PutUsage(&root, "/g/g", 4);
  PutUsage(&root, "/g/g/g", 4);
  PutUsage(&root, "/g/g/g/g", 3.8);
  now += kSecond;
  const Reading second = reader.Read(Metric::kCpu);
  CHECK_NEAR(test::Quotient(first, second), 0.95, 1e-9);
  const char* origin = reader.probe->OriginOf(Metric::kCpu, test::LargestPart(first, second));
  CHECK(EndsWith(origin, "/cgroup/g/g/g/g/cpu.stat"));
}

TEST(MoreQuotasThanCanBeFollowed) {
  FakeRoot root;
  NestQuotas(&root, 8);
  Reader reader(Metric::kCpu);
  CHECK(reader.WhyHas(Metric::kCpu, "more than 7 cgroups"));
  CHECK(reader.WhyHas(Metric::kCpuThrottled, "more than 7 cgroups"));
  CHECK_EQ(reader.Read(Metric::kCpuHost).state, Reading::kKnown);
}

// ---- finding this process's group

TEST(GroupBelowANamespaceThatWasNotRemounted) {
  FakeRoot root;
  PutHierarchy(&root, "/", "rw", "/../..");
  PutMemory(&root, "/other/one", "100000000\n", "99000000\n", "");
  PutMembers(&root, "/other/one", 2);
  PutMemory(&root, "/pods/own", "200000000\n", "120000000\n", "inactive_file 0\n");
  PutMembers(&root, "/pods/own", getpid());
  PutMembers(&root, "/pods/third", 3);
  // A group at the depth that the name suggests, but another one.
  PutMemory(&root, "", "max\n", "1\n", "");
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemory), 60, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kMemory), "/sys/fs/cgroup/pods/own/memory.current"));
  // A limit on the parent group counts too, although the namespace hides it.
  PutMemory(&root, "/pods", "400000000\n", "360000000\n", "");
  now += 2 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kMemoryAvailable), 40 * kMB, 1);
}

TEST(GroupBelowAGroupOfANamespaceThatWasNotRemounted) {
  FakeRoot root;
  PutHierarchy(&root, "/init", "rw", "/..");
  PutMemory(&root, "/box", "200000000\n", "150000000\n", "inactive_file 0\n");
  PutMembers(&root, "/box/init", getpid());
  PutMembers(&root, "/cup/init", 2);
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemory), 75, 1e-9);
  PutQuota(&root, "/box", 2);
  PutUsage(&root, "/box", 0);
  Reader cpu(Metric::kCpu);
  const Reading first = cpu.Read(Metric::kCpu);
  PutUsage(&root, "/box", 1);
  now += kSecond;
  CHECK_NEAR(test::Quotient(first, cpu.Read(Metric::kCpu)), 0.5, 1e-9);
}

TEST(OnlyGroupBelowANamespaceThatWasNotRemounted) {
  FakeRoot root;
  PutHierarchy(&root, "/", "rw", "/..");
  PutMemory(&root, "/box", "200000000\n", "150000000\n", "inactive_file 0\n");
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemory), 75, 1e-9);
}

TEST(GroupThatCannotBeFound) {
  FakeRoot root;
  PutHierarchy(&root, "/", "rw", "/..");
  PutMemory(&root, "/box", "200000000\n", "150000000\n", "inactive_file 0\n");
  PutMemory(&root, "/cup", "100000000\n", "10000000\n", "inactive_file 0\n");
  Reader reader(Metric::kMemory);
  CHECK(reader.WhyHas(Metric::kMemory, "cgroup is not found"));
  CHECK(reader.WhyHas(Metric::kMemoryAvailable, "limits are unknown"));
  CHECK_NEAR(reader.Level(Metric::kMemoryHost), 50, 1e-9);
  Reader cpu(Metric::kCpu);
  CHECK(cpu.WhyHas(Metric::kCpu, "cgroup is not found"));
  CHECK_EQ(cpu.Read(Metric::kCpuHost).state, Reading::kKnown);
  // The group is searched for again.
  PutMembers(&root, "/box", getpid());
  now += 10 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kMemory), 75, 1e-9);
}

TEST(GroupOutsideOfWhatIsMounted) {
  FakeRoot root;
  PutHierarchy(&root, "/../beside");
  PutMemory(&root, "", "200000000\n", "150000000\n", "inactive_file 0\n");
  PutMembers(&root, "", 2);
  CHECK(Reader(Metric::kMemory).WhyHas(Metric::kMemory, "cgroup is not found"));
  PutMembers(&root, "", getpid());
  CHECK_NEAR(Reader(Metric::kMemory).Level(Metric::kMemory), 75, 1e-9);
}

// A monitoring program in a container of its own that sees the host's /sys. Both mounts are under HOST_SYS, and the one
// that looks like the container's own is the host's root.
TEST(GroupUnderHostSys) {
  FakeRoot root;
  PutHierarchy(&root, "/");
  char mounts[512];
  snprintf(mounts, sizeof(mounts),
           "31 22 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"
           "32 22 0:26 /../.. %s/sys/fs/cgroup ro - cgroup2 cgroup2 rw\n",
           root.root);
  root.Put("proc/self/mountinfo", mounts);
  PutMembers(&root, "", 2);
  PutMemory(&root, "/docker/own", "200000000\n", "150000000\n", "inactive_file 0\n");
  PutMembers(&root, "/docker/own", getpid());
  PutMembers(&root, "/docker/other", 3);
  CHECK_NEAR(Reader(Metric::kMemory).Level(Metric::kMemory), 75, 1e-9);
}

TEST(GroupOfVersion1BelowANamespaceThatWasNotRemounted) {
  FakeRoot root;
  PutHost(&root);
  root.Put("proc/self/cgroup", "9:memory:/\n0::/\n");
  root.Put("proc/self/mountinfo",
           "32 31 0:29 /.. /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
           "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  root.MakeDirectory("sys/fs/cgroup/unified");
  PutFile(&root, "/memory", "memory.limit_in_bytes", "9223372036854771712\n");
  PutFile(&root, "/memory", "memory.usage_in_bytes", "1\n");
  for (const char* const box : {"/memory/one", "/memory/two"}) {
    PutFile(&root, box, "memory.limit_in_bytes", "200000000\n");
    PutFile(&root, box, "memory.usage_in_bytes", "150000000\n");
    PutMembers(&root, box, strcmp(box, "/memory/two") == 0 ? getpid() : 2);
  }
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemory), 75, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kMemory), "/memory/two/memory.usage_in_bytes"));
}

// ---- limits that are unusual

TEST(LimitOfZero) {
  FakeRoot root;
  PutHierarchy(&root, "/a");
  PutMemory(&root, "/a", "100000000\n", "40000000\n", "inactive_file 0\n");
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemory), 50, 10.1);
  PutFile(&root, "/a", "memory.max", "0\n");
  now += kSecond;
  CHECK_NEAR(reader.Level(Metric::kMemory), 100, 0);
  CHECK_NEAR(reader.Level(Metric::kMemoryAvailable), 0, 0);
  CHECK(EndsWith(reader.probe->Origin(Metric::kMemory), "/a/memory.current"));
  CHECK(reader.probe->MaxSlope(Metric::kMemory) >= 0);
}

TEST(LimitThatIsNoNumber) {
  FakeRoot root;
  PutHierarchy(&root, "/a");
  PutMemory(&root, "/a", "100000000\n", "40000000\n", "inactive_file 0\n");
  PutQuota(&root, "/a", 1);
  PutUsage(&root, "/a", 0);
  for (const char* const text :
       {"", "\n", "none\n", "0x100\n", "12abc\n", "1e9\n", "100,5\n", "5 5 5\n", "maximum\n", "-\n", "-x\n", "+5\n"}) {
    PutFile(&root, "/a", "memory.max", text);
    PutFile(&root, "/a", "cpu.max", text);
    Reader memory(Metric::kMemory), cpu(Metric::kCpu);
    CHECK(memory.WhyHas(Metric::kMemory, "/a/memory.max: not understood"));
    CHECK_EQ(memory.Read(Metric::kMemoryHost).state, Reading::kKnown);
    CHECK(cpu.WhyHas(Metric::kCpu, "/a/cpu.max: not understood"));
    PutFile(&root, "/a", "memory.max", "100000000\n");
    PutQuota(&root, "/a", 1);
    now += 2 * kSecond;
    CHECK_NEAR(memory.Level(Metric::kMemory), 40, 1e-9);
    CHECK_EQ(cpu.Read(Metric::kCpu).state, Reading::kKnown);
  }
}

TEST(LimitsOfAnyPlainNumber) {
  FakeRoot root;
  PutHierarchy(&root, "/a");
  for (const char* const text : {"100000000", "  100000000\n", "100000000 \n\n"}) {
    PutMemory(&root, "/a", text, "40000000\n", "inactive_file 0\n");
    CHECK_NEAR(Reader(Metric::kMemory).Level(Metric::kMemory), 40, 1e-9);
  }
  // A number beyond any memory limits nothing.
  PutMemory(&root, "/a", "99999999999999999999999\n", "40000000\n", "inactive_file 0\n");
  CHECK_NEAR(Reader(Metric::kMemory).Level(Metric::kMemory), 50, 0.1);
}

TEST(UsageThatIsNoNumber) {
  FakeRoot root;
  PutHierarchy(&root, "/a");
  for (const char* const text : {"", "max\n", "-1\n", "0x10\n", "4 4\n", "99999999999999999999999\n"}) {
    PutMemory(&root, "/a", "100000000\n", text, "inactive_file 0\n");
    Reader memory(Metric::kMemory);
    memory.Read(Metric::kMemory);
    CHECK(memory.WhyHas(Metric::kMemory, "/a/memory.current: not understood"));
  }
}

TEST(QuotaOfVersionOneWithoutAPeriod) {
  FakeRoot root;
  PutHost(&root);
  root.Put("proc/self/cgroup", "3:cpu,cpuacct:/a\n");
  root.Put("proc/self/mountinfo", "31 22 0:26 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n");
  root.MakeDirectory("sys/fs/cgroup/cpu");
  PutFile(&root, "/cpu/a", "cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n");
  PutFile(&root, "/cpu/a", "cpuacct.usage", "0\n");
  PutFile(&root, "/cpu/a", "cpu.cfs_quota_us", "50000\n");
  for (const char* const text : {"", "0\n", "max\n", "1e5\n"}) {
    PutFile(&root, "/cpu/a", "cpu.cfs_period_us", text);
    CHECK(Reader(Metric::kCpu).WhyHas(Metric::kCpu, "/a/cpu.cfs_period_us: not understood"));
  }
}

TEST(LimitThatLxcfsShowsAsTheMachine) {
  FakeRoot root;
  PutHierarchy(&root, "/init.scope");
  PutMemory(&root, "", "1024000000\n", "1000000000\n", "inactive_file 5000000\nactive_file 1000000\n");
  PutMemory(&root, "/init.scope", "max\n", "1000000\n", "inactive_file 0\n");
  // The figures of lxcfs make no sense here, and are not needed.
  root.Change("proc/meminfo", "MemTotal: 1000000 kB\nMemFree: 20000 kB\nMemAvailable: 1240000 kB\n");
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemory), 100 * 994.0 / 1024, 1e-9);
  CHECK_NEAR(reader.Level(Metric::kMemoryHost), 98, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kMemory), "/sys/fs/cgroup/memory.current"));
  // If they make sense, both count.
  root.Change("proc/meminfo", "MemTotal: 1000000 kB\nMemFree: 10000 kB\nMemAvailable: 10000 kB\n");
  now += kSecond;
  CHECK_NEAR(reader.Level(Metric::kMemory), 99, 1e-9);
}

TEST(LimitAboveTheMachine) {
  FakeRoot root;
  PutHierarchy(&root, "/a");
  PutMemory(&root, "/a", "1024004096\n", "1000000000\n", "inactive_file 0\n");
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemory), 50, 1e-9);
}

int refused = 0;
FileCalls real_calls;

int RefusingOpen(const char* path) {
  if (refused == 0 || strstr(path, "/sys/fs/cgroup/") == nullptr) return real_calls.open(path);
  errno = refused;
  return -1;
}

TEST(LimitThatCannotBeRead) {
  FakeRoot root;
  PutHierarchy(&root, "/a");
  PutMemory(&root, "/a", "100000000\n", "40000000\n", "inactive_file 0\n");
  PutQuota(&root, "/a", 1);
  PutUsage(&root, "/a", 0);
  real_calls = file_calls;
  file_calls.open = RefusingOpen;
  for (const int error : {EACCES, EMFILE, EIO}) {
    refused = error;
    Reader memory(Metric::kMemory);
    CHECK(memory.WhyHas(Metric::kMemory, "memory.max: E"));
    Reader cpu(Metric::kCpu);
    CHECK(cpu.WhyHas(Metric::kCpu, "cpu.max: E"));
    refused = 0;
    now += 2 * kSecond;
    CHECK_NEAR(memory.Level(Metric::kMemory), 40, 1e-9);
    CHECK_EQ(cpu.Read(Metric::kCpu).state, Reading::kKnown);
  }
  file_calls = real_calls;
}

// The kernel refuses every open in a group whose limit was set to 0, even of files that the root group does not have.
TEST(LimitOfZeroWhereNothingCanBeOpened) {
  for (const char* before : {"100000000\n", "max\n"}) {
    FakeRoot root;
    PutHierarchy(&root, "/a");
    PutMemory(&root, "/a", before, "40000000\n", "inactive_file 0\n");
    PutQuota(&root, "/a", 1);
    PutUsage(&root, "/a", 0);
    Reader memory(Metric::kMemory);
    Reader cpu(Metric::kCpu);
    CHECK_EQ(memory.Read(Metric::kMemory).state, Reading::kKnown);
    CHECK_EQ(cpu.Read(Metric::kCpu).state, Reading::kKnown);
    real_calls = file_calls;
    file_calls.open = RefusingOpen;
    refused = ENOMEM;
    PutFile(&root, "/a", "memory.max", "0\n");
    now += 2 * kSecond;
    CHECK_NEAR(memory.Level(Metric::kMemory), 100, 0);
    CHECK_NEAR(memory.Level(Metric::kMemoryAvailable), 0, 0);
    CHECK_EQ(cpu.Read(Metric::kCpu).state, Reading::kKnown);
    refused = 0;
    file_calls = real_calls;
  }
}

TEST(UsageThatCannotBeRead) {
  FakeRoot root;
  PutHierarchy(&root, "/a");
  PutMemory(&root, "/a", "100000000\n", "40000000\n", "inactive_file 0\n");
  PutQuota(&root, "/a", 1);
  PutUsage(&root, "/a", 0);
  Reader memory(Metric::kMemory);
  Reader cpu(Metric::kCpu);
  CHECK_NEAR(memory.Level(Metric::kMemory), 40, 1e-9);
  CHECK_EQ(cpu.Read(Metric::kCpu).state, Reading::kKnown);
  PutFile(&root, "/a", "memory.current", "");
  PutFile(&root, "/a", "cpu.stat", "");
  // The group may have been removed. It is searched for first, and only then reported.
  now += kSecond;
  CHECK_EQ(memory.Read(Metric::kMemory).state, Reading::kAbsent);
  cpu.Read(Metric::kCpu);
  now += kSecond;
  CHECK(memory.WhyHas(Metric::kMemory, "what is left of a limit is unknown"));
  CHECK(cpu.WhyHas(Metric::kCpu, "time used under a CPU quota is unknown"));
  PutFile(&root, "/a", "memory.current", "50000000\n");
  PutUsage(&root, "/a", 1);
  now += 2 * kSecond;
  CHECK_NEAR(memory.Level(Metric::kMemory), 50, 1e-9);
  CHECK_EQ(cpu.Read(Metric::kCpu).state, Reading::kKnown);
}

// ---- memory that other groups protect

TEST(MemoryThatOthersProtectFromTheMachine) {
  FakeRoot root;
  PutHierarchy(&root, "/app/web");
  // 180 MB of page cache are protected and cannot be reclaimed; the 20 MB beyond that can.
  PutMemory(&root, "/db", "max\n", "300000000\n", "inactive_file 100000000\nactive_file 100000000\n");
  PutFile(&root, "/db", "memory.min", "280000000\n");
  // Cache that is not protected, or protected below an unprotected group, can be reclaimed.
  PutMemory(&root, "/batch", "max\n", "100000000\n", "inactive_file 50000000\n");
  PutFile(&root, "/batch", "memory.min", "0\n");
  PutMemory(&root, "/batch/job", "max\n", "100000000\n", "inactive_file 50000000\n");
  PutFile(&root, "/batch/job", "memory.min", "100000000\n");
  // Protection of this process's own group does not reduce what it can use.
  PutMemory(&root, "/app", "max\n", "90000000\n", "inactive_file 80000000\n");
  PutFile(&root, "/app", "memory.min", "0\n");
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemoryAvailable), 512 * kMB - 180 * kMB, 1);
  CHECK_NEAR(reader.Level(Metric::kMemoryHost), 50, 1e-9);
  // The group is removed.
  root.Remove("sys/fs/cgroup/db");
  now += 6 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kMemoryAvailable), 512 * kMB, 1);
}

TEST(MemoryThatSiblingsProtectFromALimit) {
  FakeRoot root;
  PutHierarchy(&root, "/pod/web", "rw,memory_recursiveprot");
  root.MakeDirectory("sys/fs/cgroup/pod/web");
  PutMemory(&root, "/pod", "400000000\n", "380000000\n", "inactive_file 200000000\n");
  PutMemory(&root, "/pod/web", "max\n", "80000000\n", "inactive_file 50000000\n");
  PutFile(&root, "/pod/web", "memory.min", "80000000\n");
  PutMemory(&root, "/pod/db", "max\n", "300000000\n", "inactive_file 150000000\n");
  PutFile(&root, "/pod/db", "memory.min", "max\n");
  // The kernel distributes the protection among the groups of the database by itself.
  PutMemory(&root, "/pod/db/child", "max\n", "300000000\n", "inactive_file 150000000\n");
  PutFile(&root, "/pod/db/child", "memory.min", "0\n");
  Reader reader(Metric::kMemory);
  // 20 MB are free and 200 MB are cache, 150 MB of which belong to the database.
  CHECK_NEAR(reader.Level(Metric::kMemoryAvailable), 70 * kMB, 1);
  CHECK_NEAR(reader.Level(Metric::kMemory), 100 * (1 - 70.0 / 400), 1e-9);
}

TEST(MemoryThatSiblingsProtectByTheirDescendantsAlone) {
  FakeRoot root;
  // The hierarchy is mounted without memory_recursiveprot.
  PutHierarchy(&root, "/pod/web");
  root.MakeDirectory("sys/fs/cgroup/pod/web");
  PutMemory(&root, "/pod", "400000000\n", "380000000\n", "inactive_file 200000000\n");
  PutMemory(&root, "/pod/db", "max\n", "300000000\n", "inactive_file 150000000\n");
  PutFile(&root, "/pod/db", "memory.min", "300000000\n");
  PutMemory(&root, "/pod/db/one", "max\n", "100000000\n", "inactive_file 60000000\n");
  PutFile(&root, "/pod/db/one", "memory.min", "100000000\n");
  PutMemory(&root, "/pod/db/two", "max\n", "200000000\n", "inactive_file 90000000\n");
  PutFile(&root, "/pod/db/two", "memory.min", "0\n");
  Reader reader(Metric::kMemory);
  CHECK_NEAR(reader.Level(Metric::kMemoryAvailable), 160 * kMB, 1);
}

// Sibling groups below a protected group share its protection.
TEST(MemoryThatSiblingsProtectWithinAProtectedGroup) {
  FakeRoot root;
  PutHierarchy(&root, "/pod/app/web", "rw,memory_recursiveprot");
  root.MakeDirectory("sys/fs/cgroup/pod/web");
  PutMemory(&root, "/pod", "400000000\n", "380000000\n", "inactive_file 200000000\n");
  root.MakeDirectory("sys/fs/cgroup/pod/app/web");
  PutMemory(&root, "/pod/app", "max\n", "380000000\n", "inactive_file 200000000\n");
  PutFile(&root, "/pod/app", "memory.min", "100000000\n");
  PutMemory(&root, "/pod/app/db", "max\n", "200000000\n", "inactive_file 200000000\n");
  PutFile(&root, "/pod/app/db", "memory.min", "200000000\n");
  Reader reader(Metric::kMemory);
  // The database gets half of the protection that it claims.
  CHECK_NEAR(reader.Level(Metric::kMemoryAvailable), 20 * kMB + 200 * kMB - 100 * kMB, 1);
}

// ---- pages that wait to be written

void PutWriting(FakeRoot* root, bool first, int dirty, int writeback, int reclaimed, int attempts) {
  char text[512];
  const char* prefix = first ? "total_" : "";
  const char* file = first ? "total_" : "file_";
  snprintf(text, sizeof(text), "%sinactive_file 280000000\n%sactive_file 10000000\n%sdirty %d\n%swriteback %d\n%s %d\n",
           prefix, prefix, file, dirty * 1000000, file, writeback * 1000000, first ? "total_pgpgout" : "pgsteal",
           reclaimed);
  PutFile(root, "/box", "memory.stat", text);
  snprintf(text, sizeof(text), first ? "%d\n" : "low 0\nhigh 0\nmax %d\noom 0\n", attempts);
  PutFile(root, "/box", first ? "memory.failcnt" : "memory.events", text);
}

void PutBox(FakeRoot* root, bool first) {
  PutHierarchy(root, "/box");
  if (first) {
    root->Put("proc/self/cgroup", "9:memory:/box\n");
    root->Put("proc/self/mountinfo", "32 31 0:29 / /sys/fs/cgroup rw - cgroup cgroup rw,memory\n");
  }
  PutFile(root, "/box", first ? "memory.limit_in_bytes" : "memory.max", "300000000\n");
  PutFile(root, "/box", first ? "memory.usage_in_bytes" : "memory.current", "299000000\n");
}

// Returns the largest value within `seconds`.
double Watch(Reader* reader, int seconds) {
  double largest = 0;
  for (int i = 0; i < seconds * 20; i++) {
    now += 50 * kMillisecond;
    const double value = reader->Level(Metric::kMemory);
    if (value > largest) largest = value;
  }
  return largest;
}

TEST(WritingAFileIsNoUseOfMemory) {
  for (const bool first : {true, false}) {
    FakeRoot root;
    PutBox(&root, first);
    Reader reader(Metric::kMemory);
    // Nearly all pages of the group wait to be written, and they are being written.
    for (int i = 0; i < 100; i++) {
      PutWriting(&root, first, 200 + i % 7, 60, i, i);
      CHECK_NEAR(Watch(&reader, 1), 3, 1e-9);
    }
    // The program is done, and the kernel writes the rest when it chooses to.
    PutWriting(&root, first, 190, 0, 100, 100);
    CHECK_NEAR(Watch(&reader, 60), 3, 1e-9);
  }
}

TEST(PagesThatAreNeverWrittenAreInUse) {
  for (const bool first : {true, false}) {
    FakeRoot root;
    PutBox(&root, first);
    Reader reader(Metric::kMemory);
    PutWriting(&root, first, 200, 80, 5, 5);
    // The device hangs.
    CHECK_NEAR(Watch(&reader, 4), 3, 1e-9);
    CHECK_NEAR(Watch(&reader, 4), 100 * (1 - 11.0 / 300), 1e-9);
    // The device is back.
    PutWriting(&root, first, 200, 70, 6, 5);
    now += kSecond;
    CHECK_NEAR(reader.Level(Metric::kMemory), 3, 1e-9);

    // No page is being written back, and the group constantly tries to allocate memory.
    for (int i = 0; i < 16; i++) {
      PutWriting(&root, first, 270, 0, 7, 6 + i);
      Watch(&reader, 1);
    }
    CHECK_NEAR(reader.Level(Metric::kMemory), 100 * (1 - 21.0 / 300), 1e-9);
  }
}

// ---- shares of CPU

TEST(QuotaThatIsRaised) {
  FakeRoot root;
  PutHierarchy(&root, "/a");
  PutQuota(&root, "/a", 0.5);
  PutUsage(&root, "/a", 0);
  Reader reader(Metric::kCpu);
  Reading last = reader.Read(Metric::kCpu);
  double used = 0;
  // In the middle of a second, the whole new quota is used at once.
  for (int i = 1; i <= 30; i++) {
    const double cpus = i < 15 ? 0.5 : 1.5;
    if (i == 15) PutQuota(&root, "/a", cpus);
    used += 0.1 * cpus;
    PutUsage(&root, "/a", used);
    now += 100 * kMillisecond;
    const Reading reading = reader.Read(Metric::kCpu);
    const double share = test::Quotient(last, reading);
    CHECK(share > 0.99 && share < 1.01);
    last = reading;
  }
}

TEST(QuotaOfVersion1WhosePeriodChangesToo) {
  FakeRoot root;
  PutHost(&root);
  root.Put("proc/self/cgroup", "2:cpu,cpuacct:/box\n");
  root.Put("proc/self/mountinfo", "32 31 0:29 / /sys/fs/cgroup rw - cgroup cgroup rw,cpu,cpuacct\n");
  PutFile(&root, "/box", "cpu.cfs_quota_us", "50000\n");
  PutFile(&root, "/box", "cpu.cfs_period_us", "100000\n");
  PutFile(&root, "/box", "cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n");
  PutFile(&root, "/box", "cpuacct.usage", "0\n");
  Reader reader(Metric::kCpu);
  reader.Read(Metric::kCpu);
  now += 100 * kMillisecond;
  const Reading before = reader.Read(Metric::kCpu);
  PutFile(&root, "/box", "cpu.cfs_quota_us", "10000\n");
  PutFile(&root, "/box", "cpu.cfs_period_us", "20000\n");
  PutFile(&root, "/box", "cpuacct.usage", "50000000\n");
  now += 100 * kMillisecond;
  CHECK_NEAR(test::Quotient(before, reader.Read(Metric::kCpu)), 1, 1e-9);
}

TEST(QuotaWithoutTheTimeUsedUnderIt) {
  FakeRoot root;
  PutHost(&root);
  root.Put("proc/self/cgroup", "2:cpu:/box\n");
  root.Put("proc/self/mountinfo", "32 31 0:29 / /sys/fs/cgroup rw - cgroup cgroup rw,cpu\n");
  PutFile(&root, "/box", "cpu.cfs_quota_us", "50000\n");
  PutFile(&root, "/box", "cpu.cfs_period_us", "100000\n");
  PutFile(&root, "/box", "cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n");
  Reader reader(Metric::kCpu);
  reader.Read(Metric::kCpu);
  now += kSecond;
  CHECK(reader.WhyHas(Metric::kCpu, "no cpuacct hierarchy"));
}

TEST(QuotaUsageThatStartsAnew) {
  FakeRoot root;
  PutHierarchy(&root, "/a");
  PutQuota(&root, "/a", 1);
  PutUsage(&root, "/a", 4294);
  Reader reader(Metric::kCpu);
  const Reading first = reader.Read(Metric::kCpu);
  PutUsage(&root, "/a", 1);
  now += kSecond;
  CHECK_NEAR(test::Quotient(first, reader.Read(Metric::kCpu)), 0, 1e-9);
}

TEST(CpuTimeThatIsNotCounted) {
  FakeRoot root;
  PutHierarchy(&root, "/");
  root.Change("proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\nintr 0\n");
  Reader reader(Metric::kCpu);
  for (const Metric metric : {Metric::kCpu, Metric::kCpuHost, Metric::kCpuSteal, Metric::kCpuIowait}) {
    CHECK(reader.WhyHas(metric, "every counter is 0"));
  }
  root.Put("proc/loadavg", "0.00 0.00 0.00 0/0 0\n");
  CHECK(Reader(Metric::kLoad).WhyHas(Metric::kLoad, "neither is counted"));
  // With a quota, there is a value.
  PutQuota(&root, "", 2);
  PutUsage(&root, "", 0);
  Reader limited(Metric::kCpu);
  const Reading first = limited.Read(Metric::kCpu);
  CHECK_EQ(first.state, Reading::kKnown);
  PutUsage(&root, "", 1);
  now += kSecond;
  CHECK_NEAR(test::Quotient(first, limited.Read(Metric::kCpu)), 0.5, 1e-9);
}

TEST(CpuTimeThatStandsStill) {
  FakeRoot root;
  PutHierarchy(&root, "/");
  Reader reader(Metric::kCpuHost);
  // One read is not enough, however late it comes: this process may have been stopped.
  for (int i = 0; i < 2; i++, now += 6 * kSecond) CHECK_EQ(reader.Read(Metric::kCpuHost).state, Reading::kKnown);
  CHECK_EQ(reader.Read(Metric::kCpuHost).state, Reading::kKnown);
  usleep(150000);
  now += 6 * kSecond;
  CHECK(reader.WhyHas(Metric::kCpuHost, "do not move"));
  root.Change("proc/stat", "cpu  1001 0 500 8000 0 0 0 0\ncpu0 1001 0 500 8000 0 0 0 0\n");
  now += kSecond;
  CHECK_EQ(reader.Read(Metric::kCpuHost).state, Reading::kKnown);
}

}  // namespace
}  // namespace tripline
