// swap of this process's groups and of the machine, over made-up file trees.
#include <cstdio>
#include <string>

#include "fixture.h"
#include "reader.h"

namespace tripline {
namespace {

using test::EndsWith;
using test::FakeRoot;
using test::now;
using test::Reader;

// A machine with half of its swap in use, and this process in one of its groups.
struct Machine {
  FakeRoot root;

  Machine(const char* place, const char* mount) {
    Host(1000, 500);
    root.Put("proc/self/cgroup", place);
    root.Put("proc/self/mountinfo", mount);
  }

  void Host(int total, int free) {
    char text[160];
    snprintf(text, sizeof(text),
             "MemTotal: 9000 kB\nMemFree: 1 kB\nMemAvailable: 1000 kB\nSwapTotal: %d kB\nSwapFree: %d kB\n", total,
             free);
    root.Change("proc/meminfo", text);
  }
  void Put(const char* file, const char* text) { root.Change((std::string("sys/fs/cgroup/") + file).c_str(), text); }
};

struct Second : Machine {
  Second() : Machine("0::/a/b\n", "31 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n") {
    root.MakeDirectory("sys/fs/cgroup/a/b/.");
  }
  void Group(const char* group, const char* most, const char* current) {
    Put((std::string(group) + "/memory.swap.max").c_str(), most);
    Put((std::string(group) + "/memory.swap.current").c_str(), current);
  }
};

TEST(SwapIsThatOfTheFullestGroup) {
  Second machine;
  machine.Group("a", "200000\n", "180000\n");
  machine.Group("a/b", "max\n", "170000\n");
  Reader reader(Metric::kSwap);
  CHECK_NEAR(reader.Level(Metric::kSwap), 90, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kSwap), "/sys/fs/cgroup/a/memory.swap.current"));
  CHECK_NEAR(reader.probe->MaxSlope(Metric::kSwap), 100 * 2e9 / 200000, 1);
  // The machine's swap decides if it is fuller.
  now += kSecond;
  machine.Group("a", "200000\n", "20000\n");
  CHECK_NEAR(reader.Level(Metric::kSwap), 50, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kSwap), "/proc/meminfo"));
  // The limits change.
  now += kSecond;
  machine.Group("a/b", "20000\n", "16000\n");
  CHECK_NEAR(reader.Level(Metric::kSwap), 80, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kSwap), "/a/b/memory.swap.current"));
}

TEST(SwapOfAGroupThatMayNotSwap) {
  Second machine;
  machine.Group("a", "max\n", "0\n");
  machine.Group("a/b", "0\n", "0\n");
  Reader reader(Metric::kSwap);
  CHECK_NEAR(reader.Level(Metric::kSwap), 50, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kSwap), "/proc/meminfo"));
  // More was swapped out before the limit was lowered.
  now += kSecond;
  machine.Group("a/b", "0\n", "4096\n");
  CHECK_NEAR(reader.Level(Metric::kSwap), 100, 0);
}

TEST(SwapWithoutTheControllerIsTheMachines) {
  Second machine;
  Reader reader(Metric::kSwap);
  CHECK_NEAR(reader.Level(Metric::kSwap), 50, 1e-9);
  // Without swap, the value is 0.
  now += kSecond;
  machine.Host(0, 0);
  CHECK_NEAR(reader.Level(Metric::kSwap), 0, 0);
}

TEST(SwapOfALimitThatIsNotKnown) {
  Second machine;
  machine.Group("a/b", "100000\n", "1\n");
  machine.root.MakeDirectory("sys/fs/cgroup/a/memory.swap.max/.");
  Reader reader(Metric::kSwap);
  CHECK(reader.WhyHas(Metric::kSwap, "so the limit of swap is unknown"));
  CHECK_EQ(reader.Read(Metric::kMemoryHost).state, Reading::kKnown);
  machine.root.Remove("sys/fs/cgroup/a/memory.swap.max");
  machine.root.Remove("sys/fs/cgroup/a/b/memory.swap.current");
  now += 2 * kSecond;
  CHECK(reader.WhyHas(Metric::kSwap, "so what is used of a limit of swap is unknown"));
}

TEST(SwapOfALimitThatIsNoNumber) {
  Second machine;
  machine.Group("a/b", "\n", "1\n");
  CHECK(Reader(Metric::kSwap).WhyHas(Metric::kSwap, "/a/b/memory.swap.max: not understood"));
}

TEST(SwapInUseThatIsNoNumber) {
  for (const char* const text : {"", "max\n", "-1\n", "7x\n", "0x10\n"}) {
    Second machine;
    machine.Group("a/b", "100000\n", text);
    CHECK(Reader(Metric::kSwap).WhyHas(Metric::kSwap, "/a/b/memory.swap.current: not understood"));
  }
}

TEST(SwapOfVersionOneIsWhatTheLimitsLeave) {
  Machine machine("4:memory:/a/b\n", "40 22 0:30 / /sys/fs/cgroup rw - cgroup cgroup rw,memory\n");
  machine.Put("a/b/memory.memsw.limit_in_bytes", "500000\n");
  machine.Put("a/b/memory.limit_in_bytes", "300000\n");
  machine.Put("a/b/memory.stat", "swap 1\ntotal_cache 5\ntotal_swap 160000\n");
  machine.Put("a/memory.memsw.limit_in_bytes", "9223372036854771712\n");
  machine.Put("a/memory.limit_in_bytes", "9223372036854771712\n");
  machine.Put("a/memory.use_hierarchy", "1\n");
  Reader reader(Metric::kSwap);
  CHECK_NEAR(reader.Level(Metric::kSwap), 80, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kSwap), "/a/b/memory.stat"));
  // A parent that does not count its children is ignored.
  machine.Put("a/memory.memsw.limit_in_bytes", "300001\n");
  machine.Put("a/memory.limit_in_bytes", "300000\n");
  machine.Put("a/memory.stat", "total_swap 1\n");
  now += 2 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kSwap), 100, 0);
  machine.Put("a/memory.use_hierarchy", "0\n");
  CHECK_NEAR(Reader(Metric::kSwap).Level(Metric::kSwap), 80, 1e-9);
}

}  // namespace
}  // namespace tripline
