// The libFuzzer targets of what processes say of themselves (the marker in an environment, the list of processes) and
// of the conversions for Windows and macOS, which are pure and run on every system. scripts/fuzz.js runs them.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "../native/command_line_reader.h"
#include "darwin/convert.h"
#include "darwin/process_tree.h"
#include "fuzz.h"
#include "posix/marker.h"
#include "windows/command_line.h"
#include "windows/convert.h"

namespace tripline::fuzz {
namespace {

// ---- the marker of a command in an environment

// Splits the whole environment, where the search looks at one byte after the other.
bool Contains(const std::string& environment, const std::string& marker) {
  const std::string name = "TRIPLINE_RUN=";
  for (size_t begin = 0; begin < environment.size();) {
    const size_t end = environment.find('\0', begin);
    const bool whole = end != std::string::npos;
    const std::string variable = environment.substr(begin, whole ? end - begin : end);
    begin = whole ? end + 1 : environment.size();
    if (variable.compare(0, name.size(), name) != 0) continue;
    // A part that nothing ends may go on.
    const std::string value = ":" + variable.substr(name.size()) + (whole ? ":" : "");
    if (value.find(":" + marker + ":") != std::string::npos) return true;
  }
  return false;
}

// Without a colon or NUL, as markers are.
std::string TakeMarker(Input* input) {
  std::string marker;
  for (uint32_t left = 1 + input->Take(5); left > 0; left--) marker += "0123456789abcdef"[input->Take(15)];
  return marker;
}

// Some of the bytes stand for what environments are made of.
std::string TakeEnvironment(Input* input, const std::string& marker) {
  std::string text;
  while (!input->done()) {
    const auto each = static_cast<char>(input->Take(255));
    if (each == 'V')
      text += "TRIPLINE_RUN=";
    else if (each == 'M')
      text += marker;
    else if (each == 'Z')
      text += '\0';
    else
      text += each;
  }
  return text;
}

void Environ(Input input) {
  const std::string marker = TakeMarker(&input);
  const uint32_t piece = 1 + input.Take(40);
  const std::string text = TakeEnvironment(&input, marker);
  MarkerSearch search(marker.c_str());
  // Read in pieces, of which none is NUL-terminated.
  for (size_t at = 0; at < text.size(); at += piece) {
    const std::vector<char> bytes(text.begin() + static_cast<long>(at),
                                  text.begin() + static_cast<long>(std::min(text.size(), at + piece)));
    search.Read(bytes.data(), bytes.size());
  }
  Require(search.found() == Contains(text, marker));
}

// KERN_PROCARGS2 of macOS.
void ProcArgs(Input input) {
  const std::string marker = TakeMarker(&input);
  const auto count = static_cast<int32_t>(input.Take(1) == 0 ? input.Take(6) : input.TakeAny());
  const std::string text = TakeEnvironment(&input, marker);
  std::string block(reinterpret_cast<const char*>(&count), sizeof(count));
  block += text;
  // The path, NULs, and the arguments, each with its NUL.
  size_t at = text.find('\0');
  at = at == std::string::npos ? text.size() : text.find_first_not_of('\0', at);
  if (at == std::string::npos) at = text.size();
  for (int32_t i = 0; i < count && at < text.size(); i++) {
    const size_t end = text.find('\0', at);
    at = end == std::string::npos ? text.size() : end + 1;
  }
  const std::vector<char> bytes(block.begin(), block.end());
  Require(darwin::HasMarker(bytes.data(), bytes.size(), marker.c_str()) == Contains(text.substr(at), marker));
  // Cut off anywhere.
  const size_t cut = input.Take(255) % (bytes.size() + 1);
  const std::vector<char> part(bytes.begin(), bytes.begin() + static_cast<long>(cut));
  darwin::HasMarker(part.data(), part.size(), marker.c_str());
}

// ---- the tree of a command on macOS

// A machine whose processes start, end, and make groups, with what only the machine knows: which of
// them descend from the root.
class Machine {
 public:
  static constexpr int32_t kFirst = 1, kRoot = 2, kPids = 24;

  Machine() : tree_(static_cast<darwin::ProcessTree*>(calloc(1, sizeof(darwin::ProcessTree)))) {
    Start(kFirst, 0, false);
    Start(kRoot, kFirst, false);
    all_[1].group = kRoot;
    tree_->SetRoot(kRoot, all_[1].id, true);
    Start(3, kFirst, false);
  }
  ~Machine() { free(tree_); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void Fork(uint32_t of, uint32_t wanted) {
    const Process& parent = all_[of % all_.size()];
    // The kernel uses no pid again that is still a group's.
    for (int32_t i = 0; i < kPids; i++) {
      const auto pid = static_cast<int32_t>(4 + (wanted + static_cast<uint32_t>(i)) % kPids);
      const bool used = std::any_of(all_.begin(), all_.end(),
                                    [pid](const Process& each) { return each.pid == pid || each.group == pid; });
      if (!used) return Start(pid, parent.pid, parent.ours || parent.pid == kRoot);
    }
  }
  void End(uint32_t which) {
    const size_t place = which % all_.size();
    const int32_t pid = all_[place].pid;
    if (pid <= kRoot) return;
    for (Process& each : all_) {
      if (each.parent == pid) each.parent = kFirst;
    }
    all_.erase(all_.begin() + static_cast<long>(place));
  }
  void Regroup(uint32_t which) {
    Process& one = all_[which % all_.size()];
    if (one.pid > kRoot) one.group = one.pid;
  }
  void Scan(bool backwards) {
    std::vector<darwin::Process> list;
    for (const Process& each : all_) {
      if (each.pid == kRoot) continue;
      darwin::Process one;
      one.pid = each.pid;
      one.parent = each.parent;
      one.group = each.group;
      one.id = each.id;
      one.parent_id = each.parent_id;
      one.marked = each.ours && tree_->IsStray(one, all_[0].id);
      list.push_back(one);
    }
    if (backwards) std::reverse(list.begin(), list.end());
    tree_->Update(list.data(), static_cast<uint32_t>(list.size()));
    Check();
  }

 private:
  struct Process {
    int32_t pid, parent, group;
    uint64_t id, parent_id;
    bool ours;  // it descends from the root, and has its marker
  };

  void Start(int32_t pid, int32_t parent, bool ours) {
    const auto maker = std::find_if(all_.begin(), all_.end(), [parent](const Process& p) { return p.pid == parent; });
    const bool known = maker != all_.end();
    const Process one = {pid, parent, known ? maker->group : pid, ++last_, known ? maker->id : 0, ours};
    all_.push_back(one);
  }

  // Whatever was missed between two scans: the members are those that descend from the root.
  void Check() const {
    for (const Process& each : all_) {
      bool found = false;
      for (uint32_t i = 0; i < tree_->count(); i++) {
        const darwin::Member& member = (*tree_)[i];
        found = found || (darwin::ProcessTree::IsAlive(member) && member.pid == each.pid && member.id == each.id);
      }
      Require(found == each.ours);
    }
    for (uint32_t i = 0; i < tree_->count(); i++) {
      const darwin::Member& member = (*tree_)[i];
      if (!darwin::ProcessTree::IsAlive(member)) continue;
      Require(std::any_of(all_.begin(), all_.end(), [&member](const Process& each) {
        return each.ours && each.pid == member.pid && each.id == member.id;
      }));
      // No outsider is signaled along with a group.
      if (!member.owns_group) continue;
      for (const Process& each : all_) Require(each.ours || each.group != member.group);
    }
  }

  darwin::ProcessTree* const tree_;
  std::vector<Process> all_;
  uint64_t last_ = 100;
};

void Tree(Input input) {
  Machine machine;
  for (int steps = 0; !input.done() && steps < 200; steps++) {
    switch (input.Take(5)) {
      case 0:
      case 1: {
        const uint32_t of = input.Take(255);
        machine.Fork(of, input.Take(255));
        break;
      }
      case 2: machine.End(input.Take(255)); break;
      case 3: machine.Regroup(input.Take(255)); break;
      default: machine.Scan(input.Take(1) == 0);
    }
  }
  machine.Scan(false);
}

// ---- figures of macOS

void RequireShare(double share) { Require(share >= 0 && share <= 100); }

void DarwinFigures(Input input) {
  std::vector<int32_t> counts;
  const uint32_t processors = input.Take(8);
  for (uint32_t i = 0; i < 4 * processors; i++) counts.push_back(static_cast<int32_t>(input.TakeAny()));
  const darwin::CpuTicks now = darwin::SumOfProcessors(counts.data(), processors);
  darwin::CpuTicks old;
  old.user = static_cast<uint32_t>(input.TakeAny());
  old.idle = static_cast<uint32_t>(input.TakeAny());
  darwin::CpuSums sums;
  sums.Add(old, now);
  Require(sums.busy >= 0 && sums.busy <= sums.all && std::isfinite(sums.all));

  const uint64_t total = input.TakeAny(), free = input.TakeAny(), available = input.TakeAny();
  RequireShare(darwin::ShareUsed(total, free, available));
  // Counts of pages are of 32 bits, as those of vm_statistics64 are on any machine that exists.
  darwin::VmPages pages;
  for (uint64_t* each : {&pages.internal, &pages.purgeable, &pages.wired, &pages.compressor})
    *each = static_cast<uint32_t>(input.TakeAny());
  Require(darwin::AvailableMemory(pages, total, 16384) <= total);
  Require(darwin::ShareOfDescriptors(free, total, available) >= 0);
  const auto numerator = static_cast<uint32_t>(input.TakeAny()), denominator = static_cast<uint32_t>(input.TakeAny());
  const double seconds = darwin::MachSeconds(total, numerator, denominator);
  Require(std::isfinite(seconds) && seconds >= 0);
  darwin::StandsStill(static_cast<double>(free), static_cast<double>(total));
  darwin::IsThrottled(total);

  char path[65], point[65];
  input.TakeText(path, 64);
  input.TakeText(point, 64);
  std::string lower_path = path, lower_point = point;
  for (std::string* text : {&lower_path, &lower_point}) {
    for (char& each : *text) each = each >= 'A' && each <= 'Z' ? static_cast<char>(each + 32) : each;
  }
  const bool begins = lower_path.compare(0, lower_point.size(), lower_point) == 0;
  const char next = begins && lower_path.size() > lower_point.size() ? lower_path[lower_point.size()] : '/';
  const bool whole = lower_point.empty() || next == '/' || lower_point.back() == '/';
  Require(darwin::IsUnder(path, point) == (begins && whole));
  const std::vector<char> name(path, path + strlen(path));
  darwin::IsHardwareInterface(name.data(), name.size(), static_cast<uint8_t>(total));
}

// ---- figures of Windows

void WindowsFigures(Input input) {
  using namespace windows;
  CpuSource source;
  CpuSums before;
  for (uint32_t steps = input.Take(12); steps > 0; steps--) {
    const uint64_t a = input.TakeAny(), b = input.TakeAny();
    if (input.Take(1) == 0)
      source.TakeCounter(IdleCounter{a, b}, 1 + input.Take(127));
    else
      source.TakeDirect(CpuTicks{a, b >> 1, input.TakeAny() >> 1});
    // Never backwards, and never more busy than there was time, but for rounding.
    const CpuSums& now = source.sums();
    Require(now.all >= before.all && now.busy >= before.busy && std::isfinite(now.all));
    Require(now.busy - before.busy <= (now.all - before.all) * (1 + 1e-9) + 1e-3 + now.all * 1e-15);
    before = now;
  }
  const auto processors = 1 + input.Take(255);
  const double cap = CapOfJob(static_cast<uint32_t>(input.TakeAny()), static_cast<uint32_t>(input.TakeAny()),
                              static_cast<uint32_t>(input.TakeAny()), processors);
  Require(cap >= 0 && cap <= processors);
  JobTime job;
  double used = 0, allowed = 0;
  uint64_t time = 1;
  for (uint32_t steps = input.Take(8); steps > 0; steps--) {
    if (input.Take(3) == 0) job.Forget();
    time += input.TakeAny() >> 8;
    job.Take(time, input.TakeAny(), cap);
    Require(job.used() >= used && job.allowed() >= allowed);
    used = job.used();
    allowed = job.allowed();
  }
  LoadAverage load;
  for (uint32_t steps = input.Take(8); steps > 0; steps--) {
    load.Add(input.Take(255), input.Take(255));
    // A mean, but for rounding.
    Require(load.value() >= 0 && load.value() < 255 + 1e-9);
  }
  MemoryFigures figures;
  for (uint64_t* each :
       {&figures.physical_total, &figures.physical_available, &figures.commit_limit, &figures.commit_total,
        &figures.job_limit, &figures.job_used, &figures.process_limit, &figures.process_used})
    *each = input.TakeAny();
  const MemoryVerdict verdict = JudgeMemory(figures);
  Require(verdict.available <= verdict.limit && verdict.limit <= figures.physical_total);
  for (uint64_t limit : {figures.commit_limit, figures.job_limit, figures.process_limit})
    Require(limit == 0 || verdict.limit <= limit);
  RequireShare(ShareGone(verdict.limit, verdict.available));

  std::vector<Interface> interfaces(input.Take(6));
  for (Interface& each : interfaces) {
    each.type = input.Take(30);
    each.hardware = input.Take(1) == 0;
    each.filter = input.Take(3) == 0;
    const std::vector<uint8_t> address = {static_cast<uint8_t>(input.Take(2)), 0};
    each.address = ToAddress(address.data(), address.size());
    each.bytes = input.TakeAny();
  }
  // Of devices with one address, exactly one counts.
  for (const Interface& each : interfaces) {
    if (!each.IsDevice()) continue;
    size_t counted = 0;
    for (size_t i = 0; i < interfaces.size(); i++) {
      const Interface& other = interfaces[i];
      const bool same = &other == &each || (each.address != 0 && other.address == each.address);
      if (other.IsDevice() && same && IsCounted(interfaces.data(), interfaces.size(), i)) counted++;
    }
    Require(counted == 1);
  }
  double out = -1;
  const auto flag = static_cast<uint8_t>(input.Take(255)), percent = static_cast<uint8_t>(input.Take(255));
  if (BatteryPercent(flag, percent, input.Take(1) == 0, &out) == Known::kYes) RequireShare(out);
  if (PowerIsOnline(percent, flag, &out) == Known::kYes) Require(out == 0 || out == 1);
  HasExited(flag, percent);
  const std::vector<char> rest(input.data(), input.data() + input.left());
  RequireShare(SumOfPageFiles(rest.data(), rest.size()).Share());
}

// ---- what a Windows program is started with

void CommandLine(Input input) {
  using namespace windows;
  constexpr uint32_t kLongest = 60;
  constexpr int kMost = 5;
  char texts[kMost][kLongest + 1];
  const char* list[kMost + 1] = {};
  const auto count = 1 + static_cast<int>(input.Take(kMost - 1));
  for (int i = 0; i < count; i++) {
    input.TakeText(texts[i], kLongest);
    list[i] = texts[i];
  }
  // The file of a program has no quote in its name.
  if (strchr(texts[0], '"') != nullptr) return;
  Text line;
  AddCommand(list, &line);
  const test::Words words = test::SplitAsC(line.get());
  Require(words.count == count);
  for (int i = 0; i < count; i++) Require(strcmp(words.text[i], list[i]) == 0);

  bool lines = false;
  for (int i = 1; i < count; i++) lines = lines || strpbrk(list[i], "\r\n") != nullptr;
  Text batch, expanded;
  Require(AddBatchCommand("C:\\a b\\tool%1.cmd", list, &batch) == !lines);
  if (!lines) {
    const char* start = strstr(batch.get(), "/c \"") + 4;
    const std::string inner(start, strlen(start) - 1);
    Require(test::Expand(inner.c_str(), &expanded));
    Require(!test::HasNakedSpecial(expanded.get()));
    const test::Words passed = test::SplitAsC(expanded.get());
    Require(passed.count == count);
    for (int i = 1; i < count; i++) Require(strcmp(passed.text[i], list[i]) == 0);
  }

  Text block;
  AddEnvironment(list, &block);
  Require(block.size() >= 2 && block.get()[block.size() - 1] == '\0' && block.get()[block.size() - 2] == '\0');
  size_t at = 0, names = 0;
  for (const char* before = nullptr; block.get()[at] != '\0'; at += strlen(block.get() + at) + 1, names++) {
    if (before != nullptr) Require(CompareNames(before, block.get() + at) < 0);
    before = block.get() + at;
  }
  Require(at + (names == 0 ? 2 : 1) == block.size());
  // Each name is there once, with its first value.
  for (int i = 0; i < count; i++) {
    if (list[i][0] == '\0') continue;
    int first = i;
    for (int j = i; j-- > 0;) first = list[j][0] != '\0' && CompareNames(list[j], list[i]) == 0 ? j : first;
    bool found = false;
    for (size_t k = 0; block.get()[k] != '\0'; k += strlen(block.get() + k) + 1)
      found = found || strcmp(block.get() + k, list[first]) == 0;
    Require(found);
  }
}

constexpr Target kTargets[] = {
    {"environ", Environ},
    {"procargs", ProcArgs},
    {"process-tree", Tree},
    {"darwin-figures", DarwinFigures},
    {"windows-figures", WindowsFigures},
    {"windows-command", CommandLine},
};

}  // namespace
}  // namespace tripline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const tripline::fuzz::Target* const target = tripline::fuzz::Chosen(tripline::fuzz::kTargets);
  target->run(tripline::fuzz::Input(data, size));
  return 0;
}
