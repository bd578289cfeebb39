// Swapping, stalls and descriptors over made-up file trees.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstdio>
#include <cstring>

#include "fixture.h"
#include "reader.h"

namespace tripline {
namespace {

using test::EndsWith;
using test::FakeRoot;
using test::now;
using test::Quotient;
using test::Reader;

// ---- swap.rate, pressure.*.full

TEST(SwapRate) {
  FakeRoot root;
  root.Change("proc/vmstat", "pswpin 100\npswpout 50\n");
  Reader reader(Metric::kSwapRate);
  const Reading first = reader.Read(Metric::kSwapRate);
  now += kSecond;
  root.Change("proc/vmstat", "pswpin 110\npswpout 80\n");
  CHECK_NEAR(Quotient(first, reader.Read(Metric::kSwapRate)), 40.0 * static_cast<double>(sysconf(_SC_PAGESIZE)), 1e-6);
  CHECK(EndsWith(reader.probe->Origin(Metric::kSwapRate), "/proc/vmstat"));
}

TEST(PressureFull) {
  FakeRoot root;
  root.Change("proc/pressure/memory", "some avg10=0 total=1000000\nfull avg10=0 total=500000\n");
  root.Change("proc/pressure/cpu", "some avg10=0 total=1000000\n");
  Reader reader(Metric::kPressureMemoryFull);
  const Reading first = reader.Read(Metric::kPressureMemoryFull);
  now += kSecond;
  root.Change("proc/pressure/memory", "some avg10=0 total=1900000\nfull avg10=0 total=600000\n");
  CHECK_NEAR(Quotient(first, reader.Read(Metric::kPressureMemoryFull)), 0.1, 1e-9);
  CHECK(reader.WhyHas(Metric::kPressureCpuFull, "no line \"full\""));
  CHECK_EQ(reader.Read(Metric::kPressureCpu).state, Reading::kKnown);
}

// ---- process.footprint, process.fds

TEST(DescriptorsOfOurOwn) {
  Reader reader(Metric::kProcessFds);
  const double before = reader.Level(Metric::kProcessFds);
  CHECK(before > 0 && before < 100);
  int fds[64];
  for (int& fd : fds) fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK_NEAR(reader.Level(Metric::kProcessFds), before, 0);  // not counted again yet
  now += kSecond;
  const double after = reader.Level(Metric::kProcessFds);
  for (int fd : fds) close(fd);
  CHECK_NEAR((after - before) / 100 * static_cast<double>(sysconf(_SC_OPEN_MAX)), 64, 1e-6);
}

TEST(FootprintIsWhatIsOurs) {
  Reader reader(Metric::kProcessFootprint);
  const double before = reader.Level(Metric::kProcessFootprint);
  constexpr size_t kSize = size_t{16} << 20;
  char* block = new char[kSize];
  for (size_t i = 0; i < kSize; i += 512) static_cast<volatile char*>(block)[i] = 1;
  now += kSecond;
  const double after = reader.Level(Metric::kProcessFootprint);
  CHECK(after - before > 12e6);
  delete[] block;
}

TEST(FootprintAndDescriptorsOfATree) {
  const pid_t pid = fork();
  if (pid == 0) {
    pause();
    _exit(0);
  }
  Reader single(Metric::kProcessFds, test::OfProcess(pid));
  Reader tree(Metric::kProcessFds, test::OfProcess(pid, true));
  CHECK(single.Level(Metric::kProcessFds) > 0);
  CHECK_NEAR(tree.Level(Metric::kProcessFds), single.Level(Metric::kProcessFds), 1e-9);
  CHECK(single.Level(Metric::kProcessFootprint) > 0);
  CHECK(tree.Level(Metric::kProcessFootprint) > 0);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  now += 10 * kSecond;
  CHECK(tree.WhyHas(Metric::kProcessFds, "have ended"));
  CHECK(single.WhyHas(Metric::kProcessFootprint, "has ended"));
}

}  // namespace
}  // namespace tripline
