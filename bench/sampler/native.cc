// Measurements that are only possible below Node: the sampler's own passes and thread against bare loops that make the
// same system calls. Each command prints one JSON object per line; bench/sampler/native.js compiles and runs the
// program.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "linux/file.h"
#include "sampler/sampler.h"

namespace tripline {
namespace {

uint64_t Clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

void SleepUntil(uint64_t at) {
  const struct timespec due = {static_cast<time_t>(at / kSecond), static_cast<long>(at % kSecond)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
}

void Nothing(void*) {}

// What to watch: a metric, with a selector as on the command line: "disk(/)", "process.rss(1)".
struct Watched {
  explicit Watched(const std::string& text) : selector_name(Within(text)) {
    const std::string name = text.substr(0, text.find('('));
    while (number < kMetricCount && name != kMetrics[number].name) number++;
    if (number < kMetricCount) return;
    fprintf(stderr, "no metric %s\n", name.c_str());
    exit(2);
  }

  Metric metric() const { return static_cast<Metric>(number); }
  Selector selector() const {
    Selector selector;
    if (InfoOf(metric()).scope == Scope::kProcess)
      selector.pid = strtoll(selector_name.c_str(), nullptr, 10);
    else
      selector.name = selector_name.c_str();
    return selector;
  }

 private:
  static std::string Within(const std::string& text) {
    const size_t open = text.find('(');
    return open == std::string::npos ? "" : text.substr(open + 1, text.size() - open - 2);
  }

  const std::string selector_name;
  uint32_t number = 0;
};

}  // namespace

// A separate sampler, whose thread is started only by the commands that need it.
class SamplerBench {
 public:
  explicit SamplerBench(bool with_thread) : sampler_(new Sampler), environment_(Nothing, nullptr), words_(1 << 15) {
    environment_.board.Attach(words_.data(), words_.size());
    if (with_thread) return;
    Failure why;
    sampler_->waiter_.Open(&why);
    sampler_->running_ = true;
  }

  // Adds limits that are far from the value. With a `period`, the metric is read that often however far they are. False
  // if the machine does not have the metric.
  bool Watch(const Watched& watched, uint64_t within, uint64_t interval, uint64_t period = kNever, uint32_t count = 1,
             bool ladder = false) {
    Failure why;
    const Metric metric = watched.metric();
    Selector selector = watched.selector();
    selector.environment = &environment_;
    const uint32_t id = sampler_->Subscribe(&environment_, metric, selector, 0, Place(10), true, &why);
    if (id == 0) return false;
    if (period != kNever && !sampler_->SetPeriod(id, period, &why)) return false;
    helper_ = helper_ || sampler_->FeedOf(id)->source->blocking();
    for (uint32_t i = 0; i < count; i++) {
      LimitRequest limit = {id, LimitSpec(), OnMissing::kUnavailable};
      limit.spec.above = InfoOf(metric).worse == kAbove;
      limit.spec.enter = limit.spec.above ? 1e17 + (ladder ? i * 1e12 : 0) : -1.0 - i;
      limit.spec.exit = limit.spec.enter;
      GuardSpec spec;
      spec.within = within;
      spec.interval = interval;
      spec.flag = Place(1);
      if (sampler_->AddGuard(&environment_, spec, &limit, 1, &why) == 0) return false;
    }
    return true;
  }

  // Makes one pass as the thread's loop does, including the clock and the lock, at the time `now`.
  [[gnu::always_inline]] void Pass(uint64_t now) {
    MutexLock lock(&sampler_->lock_);
    clock_sink_ += MonotonicNow();
    bool exact;
    sampler_->Pass(now, &exact);
    if (!environment_.figures_wanted) return;
    // Answers in place of JavaScript.
    environment_.Acknowledge(now);
    environment_.Drained();
    LoopFigures figures;
    figures.at = now;
    figures.heap_used = 1 << 20;
    figures.heap_limit = 1 << 30;
    environment_.TakeFigures(figures);
    sampler_->monitor_.Refresh(&environment_, now);
  }

  // Whether a helper thread reads any of the metrics.
  bool helper() const { return helper_; }

  // Releases everything, so that the thread ends.
  void Stop() { sampler_->RemoveEnvironment(&environment_); }

  uint64_t reads() { return sampler_->Stats().reads; }
  SamplerStats Stats() { return sampler_->Stats(); }

  // CPU time of the sampling thread so far, in nanoseconds, measured from outside.
  static uint64_t ThreadCpu() {
    DirectoryReader tasks("/proc/self/task");
    for (int64_t task = 0; tasks.NextNumber(&task);) {
      char path[64], text[64] = {};
      snprintf(path, sizeof(path), "/proc/self/task/%lld/comm", static_cast<long long>(task));
      Get(path, text, sizeof(text));
      if (strncmp(text, "tripline\n", 9) != 0) continue;
      snprintf(path, sizeof(path), "/proc/self/task/%lld/schedstat", static_cast<long long>(task));
      Get(path, text, sizeof(text));
      return strtoull(text, nullptr, 10);
    }
    return 0;
  }

 private:
  static void Get(const char* path, char* text, size_t size) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, size - 1) < 0) text[0] = '\0';
    close(fd);
  }

  uint32_t Place(uint32_t words) {
    next_ += words;
    return next_ - words;
  }

  Sampler* const sampler_;  // never destroyed, like the real one
  Environment environment_;
  std::vector<int32_t> words_;
  uint32_t next_ = 24;
  bool helper_ = false;
  volatile uint64_t clock_sink_ = 0;
};

namespace {

// ---- the floor -----------------------------------------------------------------------------------------------------

// A recording of the calls that passes made through File, to repeat them without any other work.
struct Call {
  enum Kind { kOpen, kPread, kRead, kClose } kind;
  int fd;  // the sampler's own descriptor, which stays open; or the negative number of an open in the recording
  size_t size;
  off_t offset;
  std::string path;
};

std::vector<Call>* recording = nullptr;
FileCalls real_calls;
int opened[1024];  // descriptor -> negative number of its open in the recording; 0: opened before

int RecordOpen(const char* path) {
  const int fd = real_calls.open(path);
  static int number = 0;
  if (fd >= 0) opened[fd] = --number;
  recording->push_back({Call::kOpen, fd >= 0 ? opened[fd] : 0, 0, 0, path});
  return fd;
}
ssize_t RecordPread(int fd, void* data, size_t size, off_t offset) {
  recording->push_back({Call::kPread, opened[fd] < 0 ? opened[fd] : fd, size, offset, ""});
  return real_calls.pread(fd, data, size, offset);
}
ssize_t RecordRead(int fd, void* data, size_t size) {
  recording->push_back({Call::kRead, opened[fd] < 0 ? opened[fd] : fd, size, 0, ""});
  return real_calls.read(fd, data, size);
}
int RecordClose(int fd) {
  recording->push_back({Call::kClose, opened[fd] < 0 ? opened[fd] : fd, 0, 0, ""});
  opened[fd] = 0;
  return real_calls.close(fd);
}

template <typename Body>
void Record(std::vector<Call>* calls, Body body) {
  real_calls = file_calls;
  recording = calls;
  file_calls = {RecordOpen, RecordPread, RecordRead, RecordClose};
  body();
  file_calls = real_calls;
}

void MakeCalls(const std::vector<Call>& calls, char* buffer) {
  int now_open[8] = {};
  int numbers[8] = {};
  const auto resolve = [&](int fd) {
    if (fd >= 0) return fd;
    for (int i = 0; i < 8; i++) {
      if (numbers[i] == fd) return now_open[i];
    }
    return -1;
  };
  for (const Call& call : calls) {
    switch (call.kind) {
      case Call::kOpen:
        for (int i = 0; i < 8; i++) {
          if (numbers[i] != 0) continue;
          now_open[i] = open(call.path.c_str(), O_RDONLY | O_CLOEXEC);
          numbers[i] = call.fd;
          break;
        }
        break;
      case Call::kPread: (void)!pread(resolve(call.fd), buffer, call.size, call.offset); break;
      case Call::kRead: (void)!read(resolve(call.fd), buffer, call.size); break;
      case Call::kClose:
        for (int i = 0; i < 8; i++) {
          if (numbers[i] != call.fd) continue;
          close(now_open[i]);
          numbers[i] = 0;
        }
        break;
    }
  }
}

// System calls of metrics that do not go through File.
struct OtherCalls {
  bool cpu_clock = false, statvfs = false, sysinfo = false, children = false;
  uint64_t looks_ms = 0;  // time between two checks whether the mounts have changed
  char* here = getcwd(nullptr, 0);
  mutable uint64_t looked = UINT64_MAX;
  mutable struct pollfd mounts = {open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC), POLLPRI, 0};

  // True once per `period`; `last` is the number of the previous period.
  static bool IsDue(uint64_t now_ms, uint64_t period, uint64_t* last) {
    if (period == 0 || *last == now_ms / period) return false;
    *last = now_ms / period;
    return true;
  }

  void Add(Metric metric) {
    cpu_clock |= metric == Metric::kProcessCpu;
    statvfs |= InfoOf(metric).family == Family::kDisk;
    sysinfo |= metric == Metric::kLoad;
    children |= metric == Metric::kProcessRead || metric == Metric::kProcessWrite;
    if (InfoOf(metric).family == Family::kDisk) looks_ms = 10;
    if (InfoOf(metric).family == Family::kDiskIo) looks_ms = 1000;
  }
  void Make(uint64_t now_ms) const {
    if (IsDue(now_ms, looks_ms, &looked)) poll(&mounts, 1, 0);
    struct statvfs fs;
    struct sysinfo info;
    if (cpu_clock) Clock(CLOCK_PROCESS_CPUTIME_ID);
    if (statvfs) ::statvfs(here, &fs);
    if (sysinfo) ::sysinfo(&info);
    struct rusage used;
    if (children) getrusage(RUSAGE_CHILDREN, &used);
  }
};

struct Case {
  std::vector<std::string> metrics;
  uint64_t step_ms;  // between two passes: the longest minimum period, so that each pass reads everything
};

void Floor(const Case& what, const char* only) {
  constexpr int kPasses = 500;
  constexpr int kRounds = 61;
  std::string name;
  for (const std::string& each : what.metrics) name += (name.empty() ? "" : " + ") + each;
  if (only != nullptr && name != only) return;
  SamplerBench bench(false);
  OtherCalls others;
  for (const std::string& each : what.metrics) {
    const uint64_t step = what.step_ms * kMillisecond;
    if (!bench.Watch(Watched(each), step, 0, step)) {
      printf("{\"name\":\"%s\",\"unavailable\":true}\n", each.c_str());
      return;
    }
    if (bench.helper()) {
      printf("{\"name\":\"%s\",\"helper\":true}\n", each.c_str());
      return;
    }
    others.Add(Watched(each).metric());
  }
  uint64_t now = MonotonicNow() + kSecond;
  const auto pass = [&] { bench.Pass(now += what.step_ms * kMillisecond); };
  for (int i = 0; i < kPasses; i++) pass();

  std::vector<std::vector<Call>> calls(kPasses);
  for (std::vector<Call>& each : calls) Record(&each, pass);
  const uint64_t reads_before = bench.reads();
  for (int i = 0; i < kPasses; i++) pass();
  const double reads = static_cast<double>(bench.reads() - reads_before) / kPasses;

  // The recording has the same passes as a round, so that both contain the calls that are made once per second.
  double ours = 1e18, bare = 1e18;
  std::vector<double> ratios;
  std::vector<char> buffer(65536);
  volatile uint64_t sink = 0;
  for (int round = 0; round < kRounds; round++) {
    const uint64_t start = ThreadCpuNow();
    for (int i = 0; i < kPasses; i++) pass();
    const uint64_t middle = ThreadCpuNow();
    for (int i = 0; i < kPasses; i++) {
      sink = sink + MonotonicNow();
      others.Make(static_cast<uint64_t>(i) * what.step_ms);
      MakeCalls(calls[static_cast<size_t>(i)], buffer.data());
    }
    const uint64_t end = ThreadCpuNow();
    const double our = static_cast<double>(middle - start) / kPasses,
                 their = static_cast<double>(end - middle) / kPasses;
    ours = std::min(ours, our);
    bare = std::min(bare, their);
    ratios.push_back(our / their);
  }
  std::sort(ratios.begin(), ratios.end());
  size_t preads = 0, opens = 0;
  for (const std::vector<Call>& each : calls) {
    for (const Call& call : each) {
      preads += call.kind == Call::kPread || call.kind == Call::kRead;
      opens += call.kind == Call::kOpen;
    }
  }
  printf(
      "{\"name\":\"%s\",\"metrics\":%zu,\"ours\":%.1f,\"bare\":%.1f,\"ratio\":%.4f,\"medianRatio\":%.4f,\"reads\":%.2f,"
      "\"preads\":%.3f,"
      "\"opens\":%.3f}\n",
      name.c_str(), what.metrics.size(), ours, bare, ours / bare, ratios[kRounds / 2], reads,
      static_cast<double>(preads) / kPasses, static_cast<double>(opens) / kPasses);
  fflush(stdout);
}

void Floors(const char* only) {
  const Case cases[] = {
      {{"memory.host"}, 10},
      {{"memory"}, 10},
      {{"cpu.host"}, 100},
      {{"cpu"}, 100},
      {{"cpu.core"}, 250},
      {{"disk"}, 250},
      {{"disk.free"}, 250},
      {{"disk(/tmp)"}, 250},
      {{"load"}, 5000},
      {{"memory.oomKills"}, 250},
      {{"swap"}, 10},
      {{"pids"}, 100},
      {{"sockets"}, 100},
      {{"undervoltage"}, 1000},
      {{"gpu"}, 1000},
      {{"gpu.memory.available"}, 1000},
      {{"gpu.temperature"}, 1000},
      {{"heap.used"}, 100},
      {{"pressure.cpu"}, 1000},
      {{"pressure.cpu", "pressure.memory", "pressure.io"}, 1000},
      {{"pressure.cpu(group)"}, 1000},
      {{"process.cpu"}, 1},
      {{"process.rss"}, 1},
      {{"process.rss(1)"}, 1},
      {{"process.read", "process.write"}, 100},
      {{"process.cpu", "process.rss"}, 1},
      {{"disk.busy"}, 100},
      {{"disk.operations", "disk.latency"}, 100},
      {{"network.rx"}, 100},
      {{"network.errors", "network.drops"}, 100},
      {{"network.rx(lo)"}, 100},
      {{"cpu.host", "memory.host", "disk"}, 250},
      {{"cpu", "memory", "disk", "pressure.cpu", "pressure.memory", "pressure.io"}, 1000},
  };
  for (const Case& each : cases) Floor(each, only);
}

// ---- limits at scale -----------------------------------------------------------------------------------------------

void Limits() {
  constexpr uint32_t kCounts[] = {1, 10, 100, 1000, 10000};
  double of_one = 0;
  for (const uint32_t count : kCounts) {
    SamplerBench bench(false);
    bench.Watch(Watched("process.rss"), kMillisecond, 0, kNever, count, true);
    uint64_t now = MonotonicNow() + kSecond;
    double least = 1e18;
    const uint32_t passes = 200000 / (count + 100);
    for (int round = 0; round < 41; round++) {
      const uint64_t start = ThreadCpuNow();
      for (uint32_t i = 0; i < passes; i++) bench.Pass(now += kMillisecond);
      least = std::min(least, static_cast<double>(ThreadCpuNow() - start) / passes);
    }
    if (count == 1) of_one = least;
    printf("{\"limits\":%u,\"sample\":%.1f,\"each\":%.3f}\n", count, least,
           count == 1 ? 0.0 : (least - of_one) / (count - 1));
    fflush(stdout);
  }
}

// ---- wake-ups ------------------------------------------------------------------------------------------------------

struct BareTicks {
  uint64_t period, count;
  bool reads;
  // The calls of the passes, made in turn; statvfs in every third pass.
  const std::vector<std::vector<Call>>* passes = nullptr;
  const OtherCalls* others = nullptr;
  double cpu = 0;  // nanoseconds per tick
  std::vector<double> late = {};
};

// The least that a thread has to do to wake at a given rate and make the same reads.
void* TickBare(void* raw) {
  auto* ticks = static_cast<BareTicks*>(raw);
  PreferPunctuality();
  const int statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  char buffer[65536];
  uint64_t due = MonotonicNow();
  const uint64_t start = ThreadCpuNow();
  for (uint64_t i = 0; i < ticks->count; i++) {
    due += ticks->period;
    SleepUntil(due);
    ticks->late.push_back(static_cast<double>(MonotonicNow() - due));
    if (ticks->passes != nullptr) {
      MakeCalls((*ticks->passes)[i % ticks->passes->size()], buffer);
      if (i % 3 == 0) ticks->others->Make(i * ticks->period / kMillisecond);
    }
    if (!ticks->reads) continue;
    Clock(CLOCK_PROCESS_CPUTIME_ID);
    (void)!pread(statm, buffer, sizeof(buffer), 0);
  }
  ticks->cpu = static_cast<double>(ThreadCpuNow() - start) / static_cast<double>(ticks->count);
  close(statm);
  return nullptr;
}

BareTicks RunBare(uint64_t hz, uint64_t seconds, bool reads, const std::vector<std::vector<Call>>* passes = nullptr,
                  const OtherCalls* others = nullptr) {
  BareTicks ticks = {kSecond / hz, hz * seconds, reads, passes, others};
  pthread_t thread;
  pthread_create(&thread, nullptr, TickBare, &ticks);
  pthread_join(thread, nullptr);
  std::sort(ticks.late.begin(), ticks.late.end());
  return ticks;
}

void Ticks() {
  struct Rate {
    uint64_t hz, seconds;
    int rounds;
  };
  for (const Rate rate : {Rate{1000, 2, 5}, Rate{100, 3, 3}, Rate{10, 5, 2}, Rate{1, 6, 1}}) {
    std::vector<double> ours, bare, wakes, ratios;
    BareTicks last = {};
    for (int round = 0; round < rate.rounds; round++) {
      SamplerBench bench(true);
      bench.Watch(Watched("process.cpu"), 0, kSecond / rate.hz);
      bench.Watch(Watched("process.rss"), 0, kSecond / rate.hz);
      SleepUntil(MonotonicNow() + 50 * kMillisecond);
      const uint64_t wakeups = bench.Stats().wakeups;
      const uint64_t cpu = SamplerBench::ThreadCpu();
      SleepUntil(MonotonicNow() + rate.seconds * kSecond);
      const double count = static_cast<double>(bench.Stats().wakeups - wakeups);
      ours.push_back(static_cast<double>(SamplerBench::ThreadCpu() - cpu) / count);
      bench.Stop();
      last = RunBare(rate.hz, rate.seconds, true);
      bare.push_back(last.cpu);
      wakes.push_back(RunBare(rate.hz, rate.seconds, false).cpu);
      ratios.push_back(ours.back() / bare.back());
      SleepUntil(MonotonicNow() + 150 * kMillisecond);
    }
    for (auto* each : {&ours, &bare, &wakes, &ratios}) std::sort(each->begin(), each->end());
    const size_t middle = ours.size() / 2;
    const size_t most = last.late.size();
    printf("{\"hz\":%llu,\"ours\":%.0f,\"bare\":%.0f,\"wake\":%.0f,\"ratio\":%.3f,\"lateP50\":%.0f,\"lateP99\":%.0f}\n",
           static_cast<unsigned long long>(rate.hz), ours[middle], bare[middle], wakes[middle], ratios[middle],
           last.late[most / 2], last.late[std::min(most - 1, most * 99 / 100)]);
    fflush(stdout);
  }
}

// late <seconds>: measures how late a bare thread currently wakes at 1 kHz on this machine.
void Late(uint64_t seconds) {
  const BareTicks ticks = RunBare(1000, seconds, false);
  const auto at = [&](double share) {
    return ticks.late[static_cast<size_t>(share * static_cast<double>(ticks.late.size() - 1))];
  };
  printf("{\"p50\":%.0f,\"p99\":%.0f}\n", at(0.5), at(0.99));
}

// wakes <hz> <seconds>: measures the cost of a bare thread's wake-ups without any read.
void Wakes(uint64_t hz, uint64_t seconds) { printf("{\"cpu\":%.0f}\n", RunBare(hz, seconds, false).cpu); }

// The calls of one second of passes, pass by pass, for metrics that no helper thread reads.
std::vector<std::vector<Call>> RecordPasses(const std::vector<Watched>& metrics, OtherCalls* others) {
  SamplerBench bench(false);
  for (const Watched& each : metrics) {
    bench.Watch(each, 100 * kMillisecond, 0);
    others->Add(each.metric());
  }
  uint64_t now = MonotonicNow() + kSecond;
  std::vector<std::vector<Call>> passes(20);
  for (std::vector<Call>& each : passes) Record(&each, [&] { bench.Pass(now += 100 * kMillisecond); });
  // The first second opens files.
  passes.erase(passes.begin(), passes.begin() + 10);
  bench.Stop();
  return passes;
}

// typical <rounds> <metric>...: measures the thread with guards on these metrics, within 100 ms, next to a bare thread
// that only wakes as often and one that makes the same reads. All run at the same time, so that a disturbance affects
// all.
void Typical(int rounds, char** names, int count) {
  std::vector<Watched> metrics, quick;
  for (int i = 0; i < count; i++) {
    metrics.push_back(Watched(names[i]));
    if (metrics.back().metric() != Metric::kTemperature) quick.push_back(metrics.back());
  }
  OtherCalls others;
  const std::vector<std::vector<Call>> passes = RecordPasses(quick, &others);
  OtherCalls unused;
  const std::vector<std::vector<Call>> of_memory = RecordPasses({Watched("memory")}, &unused);
  SamplerBench bench(true);
  for (const Watched& each : metrics) bench.Watch(each, 100 * kMillisecond, 0);
  SleepUntil(MonotonicNow() + 3 * kSecond);
  std::vector<double> ours, wakes, reads, memory;
  double wakeups = 0;
  for (int i = 0; i < rounds; i++) {
    const uint64_t before = bench.Stats().wakeups, cpu = SamplerBench::ThreadCpu(), start = MonotonicNow();
    wakes.push_back(RunBare(10, 2, false).cpu);
    reads.push_back(RunBare(10, 2, false, &passes, &others).cpu);
    memory.push_back(RunBare(10, 2, false, &of_memory, &unused).cpu);
    const double woken = static_cast<double>(bench.Stats().wakeups - before);
    ours.push_back(static_cast<double>(SamplerBench::ThreadCpu() - cpu) / woken);
    wakeups += woken / ToSeconds(MonotonicNow() - start);
  }
  bench.Stop();
  for (auto* each : {&ours, &wakes, &reads, &memory}) std::sort(each->begin(), each->end());
  const size_t middle = ours.size() / 2;
  printf("{\"ours\":%.0f,\"wakes\":%.0f,\"reads\":%.0f,\"memory\":%.0f,\"wakeups\":%.2f}\n", ours[middle],
         wakes[middle], reads[middle], memory[middle], wakeups / rounds);
}

// ---- memory --------------------------------------------------------------------------------------------------------

uint64_t ResidentKiB() {
  Buffer buffer;
  uint64_t kib = 0;
  if (!ReadOnce("/proc/self/smaps_rollup", &buffer)) return 0;
  buffer.data()[buffer.size] = '\0';
  const char* line = strstr(buffer.data(), "Anonymous:");
  if (line != nullptr) kib = strtoull(line + 10, nullptr, 10);
  return kib;
}

void Memory() {
  ResidentKiB();
  const uint64_t before = ResidentKiB();
  SamplerBench bench(true);
  const uint64_t board = ResidentKiB();
  for (const char* each : {"memory", "cpu", "disk", "pressure.cpu", "pressure.memory", "pressure.io", "temperature"}) {
    bench.Watch(Watched(each), 100 * kMillisecond, 0);
  }
  SleepUntil(MonotonicNow() + 3 * kSecond);
  const uint64_t after = ResidentKiB();
  printf("{\"before\":%llu,\"board\":%llu,\"after\":%llu}\n", static_cast<unsigned long long>(before),
         static_cast<unsigned long long>(board), static_cast<unsigned long long>(after));
}

// ---- crossings -----------------------------------------------------------------------------------------------------

// cross <file> <times> <far> <near> <beyond> <ms>: writes numbers into a file, far from a line for <ms>, near it until
// an unpredictable moment, and then beyond it; prints the moments of the crossings.
void Cross(const char* path, int times, const char* far, const char* near, const char* beyond, uint64_t away) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  std::vector<uint64_t> moments;
  unsigned seed = 1;
  for (int i = 0; i < times; i++) {
    SleepUntil(MonotonicNow() + away * kMillisecond);
    (void)!pwrite(fd, near, strlen(near), 0);
    SleepUntil(MonotonicNow() + 23 * kMillisecond + static_cast<uint64_t>(rand_r(&seed)) % (7 * kMillisecond));
    (void)!pwrite(fd, beyond, strlen(beyond), 0);
    moments.push_back(MonotonicNow());
    SleepUntil(MonotonicNow() + 12 * kMillisecond);
    (void)!pwrite(fd, far, strlen(far), 0);
  }
  for (const uint64_t each : moments) printf("%llu\n", static_cast<unsigned long long>(each));
}

char* Map(size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(memory, size, MADV_NOHUGEPAGE);
  return static_cast<char*>(memory);
}

// fill <bytes per second> <bytes>: starts to fill memory steadily when it reads a line, and holds it until the input
// ends.
void Fill(double rate, size_t size) {
  char* memory = Map(size);
  int next = getchar();
  if (next == EOF) return;
  const uint64_t start = MonotonicNow();
  printf("%llu\n", static_cast<unsigned long long>(start));
  fflush(stdout);
  size_t filled = 0;
  for (uint64_t due = start; filled < size;) {
    due += kMillisecond / 4;
    SleepUntil(due);
    const auto wanted = static_cast<size_t>(rate * static_cast<double>(MonotonicNow() - start) / 1e9);
    const size_t end = std::min(size, wanted);
    for (; filled < end; filled += 4096) memory[filled] = 1;
  }
  while (next != EOF) next = getchar();
}

// burst <usage file> <threshold>: for each input line, fills memory until the file shows more than the threshold,
// prints when that was, fills slightly more, and frees everything at the next line.
void Burst(const char* path, uint64_t threshold) {
  constexpr size_t kSize = size_t{256} << 20;
  constexpr size_t kStep = 16 << 10;
  char* memory = Map(kSize);
  const int usage = open(path, O_RDONLY | O_CLOEXEC);
  for (int next = getchar(); next != EOF; next = getchar()) {
    if (next != '\n') continue;
    uint64_t crossed = 0;
    size_t end = kSize;
    for (size_t filled = 0; filled < end; filled += kStep) {
      for (size_t at = filled; at < filled + kStep; at += 4096) memory[at] = 1;
      char text[32] = {};
      (void)!pread(usage, text, sizeof(text) - 1, 0);
      if (crossed != 0 || strtoull(text, nullptr, 10) <= threshold) continue;
      crossed = MonotonicNow();
      end = filled + (size_t{2} << 20);
    }
    printf("%llu\n", static_cast<unsigned long long>(crossed));
    fflush(stdout);
    do next = getchar();
    while (next != EOF && next != '\n');
    madvise(memory, kSize, MADV_DONTNEED);
  }
}

}  // namespace
}  // namespace tripline

int main(int count, char** arguments) {
  using namespace tripline;
  const std::string command = count > 1 ? arguments[1] : "";
  if (command == "floor")
    Floors(count > 2 ? arguments[2] : nullptr);
  else if (command == "limits")
    Limits();
  else if (command == "ticks")
    Ticks();
  else if (command == "late" && count == 3)
    Late(strtoull(arguments[2], nullptr, 10));
  else if (command == "wakes" && count == 4)
    Wakes(strtoull(arguments[2], nullptr, 10), strtoull(arguments[3], nullptr, 10));
  else if (command == "typical" && count > 3)
    Typical(atoi(arguments[2]), arguments + 3, count - 3);
  else if (command == "memory")
    Memory();
  else if (command == "cross" && count == 8) {
    Cross(arguments[2], atoi(arguments[3]), arguments[4], arguments[5], arguments[6],
          strtoull(arguments[7], nullptr, 10));
  } else if (command == "fill" && count == 4)
    Fill(atof(arguments[2]), strtoull(arguments[3], nullptr, 10));
  else if (command == "burst" && count == 4)
    Burst(arguments[2], strtoull(arguments[3], nullptr, 10));
  else
    return 2;
  return 0;
}
