// The libFuzzer targets of kernel files that a probe takes apart by itself; the environment variable TARGET selects
// one. scripts/fuzz.js runs them. The probes are real. Their files are in a temporary folder, except those with the
// content of the input, which exist in memory only. What a probe makes of them is compared with an obvious reading.
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "../native/fixture.h"
#include "fuzz.h"
#include "linux/ext4.h"
#include "linux/file.h"
#include "port/platform.h"
#include "port/probe.h"
#include "port/push_trigger.h"

namespace tripline::fuzz {
namespace {

// ---- files in memory

constexpr int kFirstFile = 1 << 20;  // above all real descriptors

struct MemoryFile {
  const char* name;  // what its path ends with
  std::string content;
  size_t piece = SIZE_MAX;  // how much a read returns at most
};

std::vector<MemoryFile>& Files() {
  static std::vector<MemoryFile> files;
  return files;
}

FileCalls real_calls;

int Open(const char* path) {
  const std::string whole = path;
  for (size_t i = 0; i < Files().size(); i++) {
    const size_t size = strlen(Files()[i].name);
    if (whole.size() >= size && whole.compare(whole.size() - size, size, Files()[i].name) == 0) {
      return kFirstFile + static_cast<int>(i);
    }
  }
  return real_calls.open(path);
}

ssize_t Pread(int fd, void* data, size_t size, off_t offset) {
  if (fd < kFirstFile) return real_calls.pread(fd, data, size, offset);
  const MemoryFile& file = Files()[static_cast<size_t>(fd - kFirstFile)];
  const auto at = static_cast<size_t>(offset);
  if (at >= file.content.size()) return 0;
  const size_t left = file.content.size() - at, most = size < file.piece ? size : file.piece;
  const size_t count = left < most ? left : most;
  memcpy(data, file.content.data() + at, count);
  return static_cast<ssize_t>(count);
}

int Close(int fd) { return fd < kFirstFile ? real_calls.close(fd) : 0; }

// The machine on which all of it happens, which is made once.
test::FakeRoot& Root() {
  static test::FakeRoot* const root = [] {
    auto* made = new test::FakeRoot();
    real_calls = file_calls;
    file_calls.open = Open;
    file_calls.pread = Pread;
    file_calls.close = Close;
    // Leak detection ends the process without destructors.
    atexit([] { Root().~FakeRoot(); });
    return made;
  }();
  return *root;
}

// What is left of the input, as text.
std::string TakeRest(Input input) { return {reinterpret_cast<const char*>(input.data()), input.left()}; }

// The parts of the input between the bytes 0x1f, at most `count`; missing ones are empty.
std::vector<std::string> Split(const Input& input, size_t count) {
  std::vector<std::string> parts(1);
  for (const char each : TakeRest(input)) {
    if (each == '\x1f' && parts.size() < count) {
      parts.emplace_back();
    } else {
      parts.back() += each;
    }
  }
  parts.resize(count);
  return parts;
}

uint64_t now = 1000 * kSecond;

// Reads a probe once.
struct Reader {
  std::unique_ptr<Probe> probe;
  Readings readings;

  explicit Reader(Metric metric, const Selector& selector = Selector()) {
    Failure why;
    probe.reset(MakeProbe(InfoOf(metric).family, selector, &why));
    Require(probe != nullptr);
  }
  // A value, or NaN, for which there is a reason.
  double Read(Metric metric) {
    now += 20 * kSecond;
    readings = Readings();
    probe->Read(now, MaskOf(metric), &readings);
    const Reading& reading = readings[metric];
    if (reading.state == Reading::kKnown) {
      Require(std::isfinite(reading.level));
      return reading.level;
    }
    Require(reading.state == Reading::kUnavailable && readings.failure.text[0] != '\0');
    return std::nan("");
  }
};

void RequireSame(double actual, double expected) {
  Require(std::isnan(expected) ? std::isnan(actual) : std::fabs(actual - expected) <= 1e-9 * std::fabs(expected));
}

// ---- obvious readings

bool IsBlank(char each) { return each == ' ' || each == '\t'; }

// Digits after optional blanks, as a whole word that fits 64 bits.
bool WholeNumber(const std::string& text, size_t at, uint64_t* out) {
  while (at < text.size() && IsBlank(text[at])) at++;
  const size_t begin = at;
  unsigned __int128 value = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; at++) {
    value = value * 10 + static_cast<unsigned>(text[at] - '0');
    // The largest stands for all that do not fit.
    if (value >= UINT64_MAX) return false;
  }
  if (at == begin || (at < text.size() && !IsBlank(text[at]) && text[at] != '\n')) return false;
  *out = static_cast<uint64_t>(value);
  return true;
}

// A number of at most 18 digits and nothing else: one of which every reader thinks the same.
bool PlainNumber(const std::string& text, int64_t* out) {
  uint64_t value = 0;
  const size_t digits = text.find_first_not_of("0123456789");
  if (digits > 18 && (digits != std::string::npos || text.size() > 18)) return false;
  if (!WholeNumber(text, 0, &value) || text[0] < '0' || text[0] > '9') return false;
  if (text.find_first_not_of(" \t\n", digits) != std::string::npos) return false;
  *out = static_cast<int64_t>(value);
  return true;
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines(1);
  for (const char each : text) {
    if (each == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += each;
    }
  }
  return lines;
}

// ---- /proc/net/sockstat

double InUse(const std::string& text, const std::string& family) {
  for (const std::string& line : LinesOf(text)) {
    const std::string begin = family + " inuse";
    uint64_t count = 0;
    if (line.compare(0, begin.size(), begin) == 0 && WholeNumber(line, begin.size(), &count)) {
      return static_cast<double>(count);
    }
  }
  return std::nan("");
}

void Sockets(Input input) {
  Root();
  const std::vector<std::string> parts = Split(input, 2);
  Files() = {{"/sockstat", parts[0]}, {"/sockstat6", parts[1]}};
  const double first = InUse(parts[0], "TCP:"), second = InUse(parts[1], "TCP6:");
  RequireSame(Reader(Metric::kSockets).Read(Metric::kSockets), first + (std::isnan(second) ? 0 : second));
}

// ---- the tasks of the machine, in /proc/loadavg

void Tasks(Input input) {
  static const bool made = [] {
    Root().Put("proc/self/cgroup", "");
    Root().Put("proc/self/mountinfo", "");
    Root().Put("proc/sys/kernel/pid_max", "1000\n");
    Root().Put("proc/sys/kernel/threads-max", "5000\n");
    return true;
  }();
  Require(made);
  const std::string text = TakeRest(input);
  Files() = {{"/loadavg", text}};
  const size_t slash = text.find('/');
  uint64_t tasks = 0;
  const bool known = slash != std::string::npos && WholeNumber(text, slash + 1, &tasks);
  const double share = static_cast<double>(tasks) / 10;
  RequireSame(Reader(Metric::kPids).Read(Metric::kPids), !known ? std::nan("") : share < 100 ? share : 100);
}

// ---- the list of the children of a thread

constexpr int kProcesses = 8;  // with the pids from 10 on

double ThreadsOf(uint64_t pid) { return static_cast<double>(1 << (pid - 10)); }

void Children(Input input) {
  static const bool made = [] {
    for (int pid = 10; pid < 10 + kProcesses; pid++) {
      char path[64], text[128];
      snprintf(path, sizeof(path), "proc/%d/stat", pid);
      snprintf(text, sizeof(text), "%d (a) S 10 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 %d 0 1 0 100\n", pid,
               1 << (pid - 10));
      Root().Put(path, text);
    }
    Root().Put("proc/10/task/10/children", "");
    return true;
  }();
  Require(made);
  const size_t piece = 1 + input.Take(255);
  // As the kernel writes it, or anything.
  const bool proper = input.Take(1) == 0;
  std::string text = TakeRest(input);
  for (char& each : text) {
    if (proper) each = "0123456789 1 1 1 "[static_cast<unsigned char>(each) % 17];
  }
  Files() = {{"/10/task/10/children", text, piece}};
  Selector selector;
  selector.pid = 10;
  selector.tree = true;
  const double threads = Reader(Metric::kProcessThreads, selector).Read(Metric::kProcessThreads);
  double expected = ThreadsOf(10), all = (1 << kProcesses) - 1;
  Require(threads >= expected && threads <= all);
  if (!proper) return;
  // Each number has a blank after it: what has none is not all there.
  bool seen[kProcesses] = {};
  std::string word;
  for (const char each : text) {
    if (each != ' ') {
      word += each;
      // No pid is that long.
      if (word.size() > 500) return;
      continue;
    }
    uint64_t pid = 0;
    if (WholeNumber(word, 0, &pid) && pid > 10 && pid < 10 + kProcesses && !seen[pid - 10]) {
      seen[pid - 10] = true;
      expected += ThreadsOf(pid);
    }
    word.clear();
  }
  RequireSame(threads, expected);
}

// ---- the options and errors of an ext4 file system

bool HasPart(const std::string& list, const std::string& part) {
  return ("," + list + ",").find("," + part + ",") != std::string::npos;
}

void Ext4(Input input) {
  Root();
  // A count before, a count after, the options of the file system, and those of the mount.
  std::vector<std::string> parts = Split(input, 4);
  Files() = {{"/errors_count", ""}, {"/options", parts[2]}, {"/mountinfo", ""}};
  const Roots roots;
  Mount mount;
  mount.id = 7;
  mount.type = {"ext4", 4};
  mount.super_options = {parts[3].data(), parts[3].size()};
  Ext4Watch watch;
  watch.Set(roots, mount, "/");
  const bool says = HasPart(parts[3], "emergency_ro") || HasPart(parts[3], "shutdown");
  bool stopped = false;
  for (const size_t part : {0, 1}) {
    Files()[0].content = parts[part];
    now += 2 * kSecond;
    stopped = watch.HasStopped(now, roots);
    // An error cannot have been seen before the first count.
    if (part == 0) Require(stopped == says);
  }
  Require(stopped || !says);
  int64_t before = 0, after = 0;
  if (!PlainNumber(parts[0], &before) || !PlainNumber(parts[1], &after)) return;
  bool stops = false;
  for (const std::string& line : LinesOf(parts[2])) stops = stops || line == "errors=remount-ro";
  Require(stopped == (says || (after > before && stops)));
}

// ---- the files of a GPU

void GpuFiles(Input input) {
  static const bool made = [] {
    for (const char* leaf : {"vendor", "power/runtime_status", "gpu_busy_percent", "mem_info_vram_total",
                             "mem_info_vram_used", "hwmon/hwmon4/name", "hwmon/hwmon4/temp1_input"}) {
      Root().Put((std::string("sys/class/drm/card0/device/") + leaf).c_str(), "0x1002\n");
    }
    return true;
  }();
  Require(made);
  const std::vector<std::string> parts = Split(input, 5);
  Files() = {{"/gpu_busy_percent", parts[0]},
             {"/mem_info_vram_total", parts[1]},
             {"/mem_info_vram_used", parts[2]},
             {"/temp1_input", parts[3]},
             {"/runtime_status", parts[4]}};
  Reader reader(Metric::kGpu);
  const double busy = reader.Read(Metric::kGpu);
  Require(std::isnan(busy) || (busy >= 0 && busy <= 100));
  const bool asleep = parts[4].find("suspend") != std::string::npos;
  int64_t number = 0;
  if (!asleep && PlainNumber(parts[0], &number)) {
    RequireSame(busy, number <= 100 ? static_cast<double>(number) : std::nan(""));
  }
  const double free = reader.Read(Metric::kGpuMemoryAvailable);
  Require(std::isnan(free) || free >= 0);
  const double celsius = reader.Read(Metric::kGpuTemperature);
  Require(std::isnan(celsius) || (celsius >= -40 && celsius <= 150));
}

// ---- the limit of a group of version 1, by which the kernel notifies of its usage

void MemoryLimit(Input input) {
  static const bool made = [] {
    Root().Put("proc/self/cgroup", "4:memory:/a\n");
    Root().Put("proc/self/mountinfo", "31 22 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    Root().Put("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "5\n");
    return true;
  }();
  Require(made);
  Files().clear();
  std::string text = TakeRest(input);
  // It ends before a NUL of the input.
  text = text.substr(0, text.find('\0'));
  Root().Change("sys/fs/cgroup/memory/a/memory.limit_in_bytes", text.c_str());
  Root().Change("sys/fs/cgroup/memory/a/cgroup.event_control", "");
  PushTrigger* trigger[kMostPushTriggers] = {};
  Failure why;
  const uint32_t count = MakePushTriggers(Metric::kMemory, "", 50, true, trigger, &why);
  unsigned __int128 limit = 0;
  size_t digits = 0;
  for (; digits < text.size() && digits < 31 && text[digits] >= '0' && text[digits] <= '9'; digits++) {
    limit = limit * 10 + static_cast<unsigned>(text[digits] - '0');
  }
  const bool limited = digits > 0 && limit < static_cast<unsigned __int128>(9e18);
  Require(count == (limited ? 1u : 0u));
  if (count == 0) return Require(why.failed());
  delete trigger[0];
  FILE* const file = fopen(Root().PathOf("sys/fs/cgroup/memory/a/cgroup.event_control"), "r");
  int event = 0, usage = 0;
  double threshold = -1;
  Require(file != nullptr && fscanf(file, "%d %d %lf", &event, &usage, &threshold) == 3);
  fclose(file);
  const double half = static_cast<double>(limit) / 2;
  Require(std::fabs(threshold - half) <= 1 + 1e-12 * half);
}

constexpr Target kTargets[] = {{"sockstat", Sockets}, {"tasks", Tasks},        {"children", Children},
                               {"ext4", Ext4},        {"gpu-files", GpuFiles}, {"memory-limit", MemoryLimit}};

}  // namespace
}  // namespace tripline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const tripline::fuzz::Target* const target = tripline::fuzz::Chosen(tripline::fuzz::kTargets);
  target->run(tripline::fuzz::Input(data, size));
  return 0;
}
