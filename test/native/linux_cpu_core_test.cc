// cpu.core over made-up file trees.
#include <cstdio>
#include <cstring>

#include "fixture.h"
#include "port/busiest_core.h"
#include "reader.h"

namespace tripline {
namespace {

using test::FakeRoot;
using test::now;
using test::Reader;

// Writes the ticks of two CPUs. A negative `busy_b` leaves out the second.
void PutStat(FakeRoot* root, int busy_a, int idle_a, int busy_b, int idle_b) {
  char text[512], second[128] = "";
  if (busy_b >= 0) snprintf(second, sizeof(second), "cpu7 %d 0 0 %d 50 0 0 0 0 0\n", busy_b, idle_b);
  snprintf(text, sizeof(text), "cpu  1 0 0 1 0 0 0 0 0 0\ncpu0 0 0 %d %d 0 0 0 0 0 0\n%sintr 5\n", busy_a, idle_a,
           second);
  root->Change("proc/stat", text);
}

TEST(CpuCoreIsTheBusiest) {
  FakeRoot root;
  PutStat(&root, 100, 100, 100, 100);
  Reader reader(Metric::kCpuCore);
  CHECK_EQ(reader.Read(Metric::kCpuCore).state, Reading::kAbsent);
  now += 250 * kMillisecond;
  PutStat(&root, 105, 120, 120, 105);
  // There is no value after half a window.
  CHECK_EQ(reader.Read(Metric::kCpuCore).state, Reading::kAbsent);
  now += 250 * kMillisecond;
  PutStat(&root, 110, 140, 140, 110);
  CHECK_NEAR(reader.Level(Metric::kCpuCore), 80, 1e-9);
  // Time before the window does not count.
  now += 500 * kMillisecond;
  PutStat(&root, 135, 165, 140, 160);
  CHECK_NEAR(reader.Level(Metric::kCpuCore), 50, 1e-9);
}

TEST(CpuCoreThatComesAndGoes) {
  FakeRoot root;
  PutStat(&root, 100, 100, 100, 100);
  Reader reader(Metric::kCpuCore);
  reader.Read(Metric::kCpuCore);
  now += 500 * kMillisecond;
  PutStat(&root, 110, 140, -1, 0);
  CHECK_NEAR(reader.Level(Metric::kCpuCore), 20, 1e-9);
  // The CPU is back, with counters that have started anew.
  now += 500 * kMillisecond;
  PutStat(&root, 120, 180, 5, 5);
  CHECK_NEAR(reader.Level(Metric::kCpuCore), 20, 1e-9);
  now += 500 * kMillisecond;
  PutStat(&root, 120, 230, 45, 15);
  CHECK_NEAR(reader.Level(Metric::kCpuCore), 80, 1e-9);
}

TEST(CpuCoreAfterAStandstill) {
  FakeRoot root;
  PutStat(&root, 100, 100, 100, 100);
  Reader reader(Metric::kCpuCore);
  reader.Read(Metric::kCpuCore);
  now += 60 * kSecond;
  PutStat(&root, 6000, 100, 100, 100);
  CHECK_EQ(reader.Read(Metric::kCpuCore).state, Reading::kAbsent);
}

TEST(CpuCoreWhereNothingIsCounted) {
  FakeRoot root;
  root.Put("proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n");
  CHECK(Reader(Metric::kCpuCore).WhyHas(Metric::kCpuCore, "no times of single processors"));
  root.Remove("proc/stat");
  CHECK(Reader(Metric::kCpuCore).WhyHas(Metric::kCpuCore, "/proc/stat: ENOENT"));
}

TEST(BusiestCoreOfManyReadOften) {
  BusiestCore busiest;
  uint64_t at = now;
  Readings readings;
  for (int pass = 0; pass <= 300; pass++, at += 10 * kMillisecond) {
    busiest.Begin(at);
    for (uint32_t i = 0; i < 300; i++) busiest.Add(i, (i == 299 ? 0.9 : 0.1) * pass, pass);
    readings = Readings();
    busiest.Report(MaskOf(Metric::kCpuCore), &readings);
  }
  CHECK_NEAR(readings[Metric::kCpuCore].level, 90, 1e-6);
}

}  // namespace
}  // namespace tripline
