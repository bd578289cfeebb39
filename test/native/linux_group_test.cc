// Metrics of this process's control group over made-up file trees: memory.oomKills, pids, pressure.
#include <cstring>

#include "fixture.h"
#include "reader.h"

namespace tripline {
namespace {

using test::EndsWith;
using test::FakeRoot;
using test::Named;
using test::now;
using test::Reader;

constexpr const char* kMounts2 =
    "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / %s/sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
constexpr const char* kMounts1 =
    "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / %s/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

// This process is in a/b of the hierarchy that `mounts` describes.
void PutGroup(FakeRoot* root, const char* mounts, const char* line) {
  char text[512];
  snprintf(text, sizeof(text), mounts, root->root);
  root->Put("proc/self/mountinfo", text);
  root->Put("proc/self/cgroup", line);
}

// ---- memory.oomKills

TEST(OomKillsOfTheOwnGroupSinceTheProbeWasMade) {
  FakeRoot root;
  PutGroup(&root, kMounts2, "0::/a/b\n");
  root.Change("sys/fs/cgroup/a/b/memory.events", "low 0\nhigh 0\nmax 7\noom 5\noom_kill 3\noom_group_kill 9\n");
  Reader reader(Metric::kMemoryOomKills);
  CHECK_NEAR(reader.Level(Metric::kMemoryOomKills), 0, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kMemoryOomKills), "/a/b/memory.events"));
  root.Change("sys/fs/cgroup/a/b/memory.events", "low 0\nhigh 0\nmax 9\noom 8\noom_kill 5\noom_group_kill 9\n");
  CHECK_NEAR(reader.Level(Metric::kMemoryOomKills), 2, 1e-9);
  // A new probe starts at 0.
  CHECK_NEAR(Reader(Metric::kMemoryOomKills).Level(Metric::kMemoryOomKills), 0, 1e-9);
}

TEST(OomKillsWhereOnlyAnAncestorHasTheController) {
  FakeRoot root;
  PutGroup(&root, kMounts2, "0::/a/b\n");
  root.MakeDirectory("sys/fs/cgroup/a/b");
  root.Change("sys/fs/cgroup/a/memory.events", "oom_kill 1\n");
  Reader reader(Metric::kMemoryOomKills);
  reader.Read(Metric::kMemoryOomKills);
  CHECK(EndsWith(reader.probe->Origin(Metric::kMemoryOomKills), "/a/memory.events"));
}

TEST(OomKillsOfVersion1) {
  FakeRoot root;
  PutGroup(&root, kMounts1, "3:memory:/a/b\n");
  root.Change("sys/fs/cgroup/memory/a/b/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
  Reader reader(Metric::kMemoryOomKills);
  CHECK_NEAR(reader.Level(Metric::kMemoryOomKills), 0, 1e-9);
  root.Change("sys/fs/cgroup/memory/a/b/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n");
  CHECK_NEAR(reader.Level(Metric::kMemoryOomKills), 1, 1e-9);
  // Kernels before 4.13 have no such line.
  root.Change("sys/fs/cgroup/memory/a/b/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n");
  CHECK(reader.WhyHas(Metric::kMemoryOomKills, "does not count what it kills"));
}

TEST(ProcessesOfTheMemoryGroup) {
  FakeRoot root;
  PutGroup(&root, kMounts1, "3:memory:/a/b\n");
  root.Change("sys/fs/cgroup/memory/a/b/memory.oom_control", "oom_kill 4\n");
  root.Change("sys/fs/cgroup/memory/a/b/cgroup.procs", "7\n");
  Reader reader(Metric::kMemoryProcesses);
  CHECK_NEAR(reader.Level(Metric::kMemoryProcesses), 1, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kMemoryProcesses), "/a/b/cgroup.procs"));
  // Processes of another namespace are shown as 0.
  root.Change("sys/fs/cgroup/memory/a/b/cgroup.procs", "0\n0\n7\n");
  CHECK_NEAR(reader.Level(Metric::kMemoryProcesses), 3, 1e-9);
}

TEST(ProcessesAreUnknownWithoutAMemoryGroup) {
  FakeRoot root;
  PutGroup(&root, kMounts2, "5:cpu:/\n");
  root.Change("proc/vmstat", "oom_kill 10\n");
  Reader reader(Metric::kMemoryProcesses);
  CHECK(reader.WhyHas(Metric::kMemoryProcesses, "no memory group"));
}

TEST(OomKillsOfTheMachineWithoutAMemoryGroup) {
  FakeRoot root;
  PutGroup(&root, kMounts2, "0::/\n");
  root.MakeDirectory("sys/fs/cgroup");
  root.Change("proc/vmstat", "pgfault 1\noom_kill 10\n");
  Reader reader(Metric::kMemoryOomKills);
  CHECK_NEAR(reader.Level(Metric::kMemoryOomKills), 0, 1e-9);
  root.Change("proc/vmstat", "pgfault 1\noom_kill 12\n");
  CHECK_NEAR(reader.Level(Metric::kMemoryOomKills), 2, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kMemoryOomKills), "/proc/vmstat"));
}

TEST(OomKillsAreKeptWhenTheProcessIsMoved) {
  FakeRoot root;
  PutGroup(&root, kMounts2, "0::/a/b\n");
  root.Change("sys/fs/cgroup/a/b/memory.events", "oom_kill 3\n");
  root.Change("sys/fs/cgroup/c/memory.events", "oom_kill 100\n");
  Reader reader(Metric::kMemoryOomKills);
  reader.Read(Metric::kMemoryOomKills);
  root.Change("sys/fs/cgroup/a/b/memory.events", "oom_kill 4\n");
  CHECK_NEAR(reader.Level(Metric::kMemoryOomKills), 1, 1e-9);
  root.Change("proc/self/cgroup", "0::/c\n");
  now += 2 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kMemoryOomKills), 1, 1e-9);
  root.Change("sys/fs/cgroup/c/memory.events", "oom_kill 101\n");
  CHECK_NEAR(reader.Level(Metric::kMemoryOomKills), 2, 1e-9);
}

// ---- pids

void PutMachine(FakeRoot* root) {
  root->Put("proc/loadavg", "0.50 0.40 0.30 1/200 1234\n");
  root->Put("proc/sys/kernel/pid_max", "4000\n");
  root->Put("proc/sys/kernel/threads-max", "1000\n");
}

TEST(PidsOfTheTightestGroup) {
  FakeRoot root;
  PutMachine(&root);
  PutGroup(&root, kMounts2, "0::/a/b\n");
  root.Put("sys/fs/cgroup/a/b/pids.max", "max\n");
  root.Change("sys/fs/cgroup/a/b/pids.current", "50\n");
  root.Change("sys/fs/cgroup/a/pids.max", "100\n");
  root.Change("sys/fs/cgroup/a/pids.current", "60\n");
  Reader reader(Metric::kPids);
  CHECK_NEAR(reader.Level(Metric::kPids), 60, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kPids), "/a/pids.current"));
  // Processes can be moved into a group beyond its limit, so the usage may exceed it.
  root.Change("sys/fs/cgroup/a/pids.current", "160\n");
  now += kSecond;
  CHECK_NEAR(reader.Level(Metric::kPids), 100, 1e-9);
  // A raised limit is noticed within a second.
  root.Change("sys/fs/cgroup/a/pids.max", "1600\n");
  now += 2 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kPids), 20, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kPids), "/proc/loadavg"));
}

TEST(PidsOfALimitThatIsNoNumber) {
  FakeRoot root;
  PutGroup(&root, kMounts2, "0::/a/b\n");
  root.Put("sys/fs/cgroup/a/b/pids.max", "\n");
  root.Put("sys/fs/cgroup/a/b/pids.current", "3\n");
  CHECK(Reader(Metric::kPids).WhyHas(Metric::kPids, "/a/b/pids.max: not understood"));
}

TEST(PidsOfAGroupThatMayStartNothing) {
  FakeRoot root;
  PutMachine(&root);
  PutGroup(&root, kMounts2, "0::/a\n");
  root.Put("sys/fs/cgroup/a/pids.max", "0\n");
  root.Put("sys/fs/cgroup/a/pids.current", "3\n");
  CHECK_NEAR(Reader(Metric::kPids).Level(Metric::kPids), 100, 1e-9);
}

TEST(PidsWithoutALimitOnAGroup) {
  FakeRoot root;
  PutGroup(&root, kMounts2, "0::/\n");
  Reader reader(Metric::kPids);
  CHECK(reader.WhyHas(Metric::kPids, "no group up the chain has a limit"));
  PutMachine(&root);
  now += 2 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kPids), 20, 1e-9);
}

TEST(PidsOfAGroupWhoseTasksAreNotShown) {
  FakeRoot root;
  PutMachine(&root);
  PutGroup(&root, kMounts2, "0::/a\n");
  root.Put("sys/fs/cgroup/a/pids.max", "10\n");
  CHECK(Reader(Metric::kPids).WhyHas(Metric::kPids, "pids.current: ENOENT"));
}

// ---- pressure

TEST(PressureOfTheOwnGroupBesideTheMachines) {
  FakeRoot root;
  PutGroup(&root, kMounts2, "0::/a\n");
  root.Change("proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  root.Change("sys/fs/cgroup/a/io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000\n");
  now += 2 * kSecond;
  Reader group(Metric::kPressureIo, Named("group")), machine(Metric::kPressureIo);
  const Reading first = group.Read(Metric::kPressureIo);
  const Reading other = machine.Read(Metric::kPressureIo);
  CHECK(EndsWith(group.probe->Origin(Metric::kPressureIo), "/a/io.pressure"));
  now += 2 * kSecond;
  root.Change("sys/fs/cgroup/a/io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=501000\n");
  CHECK_NEAR(test::Quotient(first, group.Read(Metric::kPressureIo)), 0.25, 1e-6);
  CHECK_NEAR(test::Quotient(other, machine.Read(Metric::kPressureIo)), 0, 1e-6);
  // After a move to another group, that group's past stalls do not count.
  root.Change("sys/fs/cgroup/b/io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=900000000\n");
  root.Change("proc/self/cgroup", "0::/b\n");
  now += 2 * kSecond;
  const Reading moved = group.Read(Metric::kPressureIo);
  CHECK(EndsWith(group.probe->Origin(Metric::kPressureIo), "/b/io.pressure"));
  CHECK_NEAR(moved.num[0], 0.5, 1e-6);
}

TEST(PressureOfAGroupThatHasNone) {
  FakeRoot root;
  PutGroup(&root, kMounts1, "3:memory:/a\n");
  Reader first(Metric::kPressureMemory, Named("group"));
  CHECK(first.probe == nullptr);
  CHECK(strstr(first.failure.text, "version 2") != nullptr);
  PutGroup(&root, kMounts2, "0::/a\n");
  root.MakeDirectory("sys/fs/cgroup/a");
  CHECK(Reader(Metric::kPressureMemory, Named("group")).WhyHas(Metric::kPressureMemory, "a/memory.pressure: ENOENT"));
}

}  // namespace
}  // namespace tripline
