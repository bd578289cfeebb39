// pressure.* over made-up file trees: how often the files are read, and the shares that follow.
#include <cstring>

#include "fixture.h"
#include "linux/file.h"
#include "reader.h"

namespace tripline {
namespace {

using test::FakeRoot;
using test::now;
using test::Quotient;
using test::Reader;

int pressure_reads = 0;
FileCalls real_calls;

ssize_t CountingPread(int fd, void* data, size_t size, off_t offset) {
  const ssize_t got = real_calls.pread(fd, data, size, offset);
  if (got >= 4 && memcmp(data, "some", 4) == 0) pressure_reads++;
  return got;
}

TEST(PressureIsReadOncePerSecondForAllReaders) {
  FakeRoot root;
  root.Change("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n");
  real_calls = file_calls;
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
  CHECK_NEAR(100 * Quotient(first, reader.Read(Metric::kPressureIo)), 40, 1e-6);
}

TEST(PressureSaysWhyNot) {
  FakeRoot root;
  Reader reader(Metric::kPressureMemory);
  CHECK(reader.WhyHas(Metric::kPressureMemory, "ENOENT (kernel without pressure stall information"));
  root.Change("proc/pressure/cpu", "nonsense\n");
  CHECK(reader.WhyHas(Metric::kPressureCpu, "without a line"));
}

}  // namespace
}  // namespace tripline
