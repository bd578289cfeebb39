// Runs every probe while its files fail, shrink, grow, vanish and turn into garbage.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "fixture.h"
#include "linux/file.h"
#include "reader.h"

namespace tripline {
namespace {

using test::FakeRoot;
using test::now;

FileCalls real_calls;
uint32_t seed = 1;
bool faulty = false;

uint32_t Random(uint32_t below) {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

int FaultyOpen(const char* path) {
  constexpr int kErrors[] = {ENOENT, EACCES, EMFILE, ENFILE, EINTR, EIO, ENODEV};
  if (faulty && Random(12) == 0) {
    errno = kErrors[Random(sizeof(kErrors) / sizeof(kErrors[0]))];
    return -1;
  }
  return real_calls.open(path);
}

ssize_t FaultyPread(int fd, void* data, size_t size, off_t offset) {
  constexpr int kErrors[] = {EIO, EINTR, ENODEV, ENOENT, EAGAIN, EINVAL, ENODATA, EOPNOTSUPP, ESRCH, ESPIPE, ENOMEM};
  if (faulty && Random(8) == 0) {
    errno = kErrors[Random(sizeof(kErrors) / sizeof(kErrors[0]))];
    return -1;
  }
  const ssize_t got = real_calls.pread(fd, data, size, offset);
  if (!faulty || got <= 0) return got;
  char* bytes = static_cast<char*>(data);
  switch (Random(10)) {
    case 0:  // shrinks
      return static_cast<ssize_t>(Random(static_cast<uint32_t>(got) + 1));
    case 1:  // garbage
      for (uint32_t i = 0; i < 20; i++) bytes[Random(static_cast<uint32_t>(got))] = static_cast<char>(Random(256));
      return got;
    case 2:  // other digits: counters jump, forwards and backwards
      for (ssize_t i = 0; i < got; i++) {
        if (bytes[i] >= '0' && bytes[i] <= '9' && Random(3) == 0) bytes[i] = static_cast<char>('0' + Random(10));
      }
      return got;
    case 3:  // grows to the end of the buffer, as if there were more
      if (offset > 0) return got;
      memset(bytes + got, '7', size - static_cast<size_t>(got));
      return static_cast<ssize_t>(size);
    default: return got;
  }
}

// A machine that has the files of every probe.
void Populate(FakeRoot* root) {
  root->PutFixture("proc/stat", "linux/stat/guests");
  root->PutFixture("proc/meminfo", "linux/meminfo/pi-zero-2");
  root->PutFixture("proc/vmstat", "linux/vmstat/6.18");
  root->PutFixture("proc/loadavg", "linux/loadavg/busy");
  root->PutFixture("proc/net/dev", "linux/net.dev/2.6-no-blank-after-colon");
  root->PutFixture("proc/spl/kstat/zfs/arcstats", "linux/arcstats/2.1");
  for (const char* name : {"proc/pressure/cpu", "proc/pressure/memory", "proc/pressure/io"}) {
    root->PutFixture(name, "linux/pressure/6.18");
  }
  root->Put("proc/self/cgroup", "0::/a/b\n");
  root->Put("proc/self/mountinfo",
            "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n31 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  for (const char* group : {"a", "a/b"}) {
    char path[128];
    const char* const files[][2] = {{"cpu.max", "20000 100000\n"},
                                    {"cpu.stat", "usage_usec 1000\nthrottled_usec 10\n"},
                                    {"memory.max", "200000000\n"},
                                    {"memory.current", "90000000\n"},
                                    {"memory.stat", "inactive_file 1000000\nactive_file 2000000\nfile_dirty 5\n"}};
    for (const auto& file : files) {
      snprintf(path, sizeof(path), "sys/fs/cgroup/%s/%s", group, file[0]);
      root->Put(path, file[1]);
    }
  }
  root->PutFixture("sys/dev/block/8:1/stat", "linux/block.stat/4.9-eleven-fields");
  root->Put("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
  root->Put("sys/class/thermal/thermal_zone0/temp", "45000\n");
  root->Put("sys/class/thermal/cooling_device0/type", "thermal-cpufreq-0\n");
  root->Put("sys/class/thermal/cooling_device0/cur_state", "0\n");
  root->Put("sys/class/power_supply/BAT0/type", "Battery\n");
  root->Put("sys/class/power_supply/BAT0/capacity", "50\n");
  root->Put("proc/10/stat", "10 (a) S 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 2 0 1 0 100\n");
  root->Put("proc/10/statm", "1000 100 50 1 0 1 0\n");
  root->PutFixture("proc/10/status", "linux/status/swapped-out");
  root->PutFixture("proc/10/limits", "linux/limits/6.18");
  root->Put("proc/10/fd/0", "");
  root->Put("proc/11/stat", "11 (b) S 10 1 1 0 -1 0 0 0 0 0 100 0 0 0 20 0 3 0 1 0 100\n");
}

double LargestOf(const MetricInfo& info) {
  return strcmp(info.unit, "%") == 0 && strcmp(info.name, "process.fds") != 0 ? 100 : 1e300;
}

// What holds for every reading, whatever the files contain.
void CheckReading(Metric metric, const Readings& readings, const Reading& reading, Reading* last) {
  const MetricInfo& info = InfoOf(metric);
  if (reading.state == Reading::kUnavailable) {
    CHECK(readings.failure.text[0] != '\0');
    *last = Reading();
    return;
  }
  if (reading.state != Reading::kKnown) return;
  if (info.kind == kLevel) {
    const bool sensible = std::isfinite(reading.level) && reading.level <= LargestOf(info) &&
                          (reading.level >= 0 || metric == Metric::kTemperature);
    if (!sensible) printf("%s: %g\n", info.name, reading.level);
    CHECK(sensible);
    return;
  }
  CHECK(reading.parts > 0 && reading.parts <= kMaxParts);
  for (uint32_t i = 0; i < reading.parts; i++) {
    const bool forwards = std::isfinite(reading.num[i]) && std::isfinite(reading.den[i]) &&
                          reading.num[i] >= last->num[i] && reading.den[i] >= last->den[i];
    if (!forwards) printf("%s: part %u goes back\n", info.name, i);
    CHECK(forwards);
  }
  *last = reading;
}

uint64_t OpenDescriptors() { return CountDescriptors("/proc/self/fd", false); }

void Torture(Metric metric, const Selector& selector) {
  for (int life = 0; life < 6; life++) {
    faulty = Random(3) == 0;
    Failure why;
    Probe* probe = MakeProbe(InfoOf(metric).family, selector, &why);
    if (probe == nullptr) {
      CHECK(why.failed());
      continue;
    }
    Reading last;
    for (int i = 0; i < 400; i++) {
      faulty = Random(4) != 0;
      now += Random(1200) * kMillisecond;
      Readings readings;
      probe->Read(now, MaskOf(metric), &readings);
      CheckReading(metric, readings, readings[metric], &last);
      CHECK(probe->Origin(metric) != nullptr);
      CHECK(std::isfinite(probe->MaxSlope(metric)) && probe->MaxSlope(metric) >= 0);
    }
    delete probe;
  }
}

TEST(FaultsNeverGetThrough) {
  FakeRoot root;
  Populate(&root);
  real_calls = file_calls;
  file_calls.open = FaultyOpen;
  file_calls.pread = FaultyPread;
  // The shared buffer has reached its final size by now.
  SharedBuffer()->Reserve(4096);
  const uint64_t before = OpenDescriptors();
  for (uint32_t i = 0; i < kMetricCount; i++) {
    const Metric metric = static_cast<Metric>(i);
    if (InfoOf(metric).scope == Scope::kEnvironment) continue;
    Selector selector;
    if (InfoOf(metric).scope == Scope::kPath) selector.name = "/";
    if (InfoOf(metric).scope == Scope::kProcess) {
      Torture(metric, selector);
      selector.pid = 10;
      Torture(metric, selector);
      selector.tree = true;
    }
    Torture(metric, selector);
  }
  faulty = false;
  CHECK_EQ(OpenDescriptors(), before);
  file_calls = real_calls;
}

TEST(DescriptorsRunOut) {
  struct rlimit limit;
  CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  struct rlimit none = limit;
  none.rlim_cur = 3;
  test::Reader reader(Metric::kMemoryHost);
  test::Reader tree(Metric::kProcessThreads);
  setrlimit(RLIMIT_NOFILE, &none);
  CHECK(reader.WhyHas(Metric::kMemoryHost, "EMFILE"));
  CHECK(tree.WhyHas(Metric::kProcessThreads, "EMFILE"));
  setrlimit(RLIMIT_NOFILE, &limit);
  now += 10 * kSecond;
  CHECK(reader.Level(Metric::kMemoryHost) > 0);
  CHECK(tree.Level(Metric::kProcessThreads) > 0);
}

}  // namespace
}  // namespace tripline
