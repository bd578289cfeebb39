// process.* of this process, another one, or one with all its descendants.
#include <cstdlib>

#include "port/platform.h"
#include "util/counter.h"
#include "util/slope.h"
#include "windows/convert.h"
#include "windows/families.h"
#include "windows/win.h"

// After <windows.h>, on which they depend.
#include <psapi.h>
#include <tlhelp32.h>

namespace tripline {
namespace {

// Listing all processes takes a millisecond or more.
constexpr uint64_t kListPeriod = kSecond;

struct Usage {
  uint64_t created = 0;            // 100 ns
  uint64_t cpu = 0;                // 100 ns
  double rss = 0;                  // bytes
  double footprint = 0;            // bytes committed
  uint64_t read = 0, written = 0;  // bytes
};

// False when the process has ended or access to it is denied.
bool ReadUsage(HANDLE process, bool with_memory, Usage* out) {
  FILETIME created, exited, kernel, user;
  if (!GetProcessTimes(process, &created, &exited, &kernel, &user)) return false;
  out->created = Ticks(created);
  out->cpu = Ticks(kernel) + Ticks(user);
  IO_COUNTERS io;
  if (GetProcessIoCounters(process, &io)) {
    out->read = io.ReadTransferCount;
    out->written = io.WriteTransferCount;
  }
  if (!with_memory) return true;
  PROCESS_MEMORY_COUNTERS_EX counters = {};
  if (!K32GetProcessMemoryInfo(process, reinterpret_cast<PROCESS_MEMORY_COUNTERS*>(&counters), sizeof(counters))) {
    return false;
  }
  out->rss = static_cast<double>(counters.WorkingSetSize);
  // Wine reports 0, which no running process can have.
  out->footprint = static_cast<double>(counters.PrivateUsage != 0 ? counters.PrivateUsage : counters.WorkingSetSize);
  return true;
}

struct Member {
  DWORD pid;
  DWORD parent;
  HANDLE handle;  // nullptr if the process cannot be opened
  DWORD refused;  // the error of opening it
  uint64_t created;
  uint64_t cpu, read, written;  // values of the last read
  uint32_t threads;
  bool seen;
};

class ProcessProbe final : public Probe {
 public:
  ~ProcessProbe() override {
    for (uint32_t i = 0; i < count_; i++) Drop(&members_[i]);
    free(members_);
  }

  bool Open(const Selector& selector, Failure* why) {
    root_ = selector.pid == 0 ? GetCurrentProcessId() : static_cast<DWORD>(selector.pid);
    tree_ = selector.tree;
    Member* member = Join(root_, 0);
    if (member == nullptr || member->handle == nullptr || HasEnded(member->handle)) {
      const bool denied = member != nullptr && member->handle == nullptr && member->refused == ERROR_ACCESS_DENIED;
      SetWinError("OpenProcess", "", denied ? ERROR_ACCESS_DENIED : ERROR_INVALID_PARAMETER,
                  denied ? "another user's process" : "no such process", why);
      return false;
    }
    return true;
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    if (HasEnded(members_[0].handle)) {
      return SetEnded(root_, wanted, out);
    }
    const bool list = tree_ || Wants(wanted, Metric::kProcessThreads);
    // The tolerance makes a read that comes slightly early refresh the list too.
    if (list && (listed_at_ == 0 || now - listed_at_ >= kListPeriod - kListPeriod / 8)) {
      listed_at_ = now;
      listed_ = List();
    }
    Failure why;
    if (list && !listed_) {
      SetWinError("CreateToolhelp32Snapshot", "", list_error_, "", &why);
      const MetricMask listed = tree_ ? wanted : wanted & MaskOf(Metric::kProcessThreads);
      SetUnavailable(listed, why, out);
      wanted &= ~listed;
    }
    const Member* hidden = FindHidden();
    if (hidden != nullptr) {
      constexpr MetricMask kOfAll = MaskOf(Metric::kProcessCpu) | MaskOf(Metric::kProcessCpuTime) |
                                    MaskOf(Metric::kProcessRss) | MaskOf(Metric::kProcessFootprint) |
                                    MaskOf(Metric::kProcessRead) | MaskOf(Metric::kProcessWrite);
      why.Set(Message()
                  .Add("process ")
                  .Add(uint64_t{hidden->pid})
                  .Add(" of the tree cannot be read: it is another user's")
                  .get());
      SetUnavailable(wanted & kOfAll, why, out);
      wanted &= ~kOfAll;
    }
    constexpr MetricMask kOfMemory = MaskOf(Metric::kProcessRss) | MaskOf(Metric::kProcessFootprint);
    double rss = 0, footprint = 0, threads = 0, count = 0;
    uint64_t cpu = ended_;
    for (uint32_t i = 0; i < count_; i++) {
      Member* member = &members_[i];
      threads += member->threads;
      count += member->handle == nullptr || !HasEnded(member->handle) ? 1 : 0;
      Usage usage;
      if (member->handle == nullptr || !ReadUsage(member->handle, (wanted & kOfMemory) != 0, &usage)) continue;
      if (usage.cpu > member->cpu) used_ += static_cast<double>(usage.cpu - member->cpu) / windows::kTicksPerSecond;
      if (usage.read > member->read) read_ += static_cast<double>(usage.read - member->read);
      if (usage.written > member->written) written_ += static_cast<double>(usage.written - member->written);
      member->read = usage.read;
      member->written = usage.written;
      member->cpu = usage.cpu;
      cpu += usage.cpu;
      rss += usage.rss;
      footprint += usage.footprint;
    }
    elapsed_.Add(now);
    if (Wants(wanted, Metric::kProcessCpu)) SetPair(Metric::kProcessCpu, used_, elapsed_.seconds(), out);
    if (Wants(wanted, Metric::kProcessRead)) SetPair(Metric::kProcessRead, read_, elapsed_.seconds(), out);
    if (Wants(wanted, Metric::kProcessWrite)) SetPair(Metric::kProcessWrite, written_, elapsed_.seconds(), out);
    if ((wanted & kOfMemory) != 0) slope_.Add(now, -footprint);
    if (Wants(wanted, Metric::kProcessRss)) out->SetLevel(Metric::kProcessRss, rss);
    if (Wants(wanted, Metric::kProcessFootprint)) out->SetLevel(Metric::kProcessFootprint, footprint);
    if (Wants(wanted, Metric::kProcessThreads)) out->SetLevel(Metric::kProcessThreads, threads);
    if (Wants(wanted, Metric::kProcessCount)) out->SetLevel(Metric::kProcessCount, count);
    if (Wants(wanted, Metric::kProcessCpuTime)) out->SetLevel(Metric::kProcessCpuTime, static_cast<double>(cpu) / 1e4);
  }

  const char* Origin(Metric metric) const override {
    switch (metric) {
      case Metric::kProcessCpu:
      case Metric::kProcessCpuTime: return tree_ ? "GetProcessTimes (and its descendants)" : "GetProcessTimes";
      case Metric::kProcessCount:
      case Metric::kProcessThreads: return "CreateToolhelp32Snapshot";
      case Metric::kProcessRead:
      case Metric::kProcessWrite: return tree_ ? "GetProcessIoCounters (and its descendants)" : "GetProcessIoCounters";
      case Metric::kProcessRss: return tree_ ? "GetProcessMemoryInfo (and its descendants)" : "GetProcessMemoryInfo";
      default:
        return tree_ ? "GetProcessMemoryInfo PrivateUsage (and its descendants)" : "GetProcessMemoryInfo PrivateUsage";
    }
  }

  double MaxSlope(Metric metric) const override {
    return metric == Metric::kProcessRss || metric == Metric::kProcessFootprint ? slope_.Credible() : 0;
  }

  uint32_t MinPeriodMs(Metric metric) const override {
    // What a new member of a tree has used before it was listed is added all at once. Over less than the time between
    // two lists, that would give a share beyond all processors, or a rate that no disk has.
    const bool summed =
        metric == Metric::kProcessCpu || metric == Metric::kProcessRead || metric == Metric::kProcessWrite;
    if (summed && tree_) return kListPeriod / kMillisecond;
    // Windows updates processor time with the ticks of its clock.
    if (metric == Metric::kProcessCpu || metric == Metric::kProcessCpuTime) return 16;
    if (metric == Metric::kProcessCount) return 1000;
    return metric == Metric::kProcessThreads ? 1000 : InfoOf(metric).min_period_ms;
  }

 private:
  // Finds a running member that this process may not open: sums that leave it out would be too low.
  const Member* FindHidden() const {
    for (uint32_t i = 0; i < count_; i++) {
      if (members_[i].handle == nullptr && members_[i].refused == ERROR_ACCESS_DENIED) return &members_[i];
    }
    return nullptr;
  }

  Member* Find(DWORD pid) {
    for (uint32_t i = 0; i < count_; i++) {
      if (members_[i].pid == pid) return &members_[i];
    }
    return nullptr;
  }

  // Allocates only when the tree is larger than ever before.
  Member* Join(DWORD pid, DWORD parent) {
    if (count_ == capacity_) {
      const uint32_t capacity = capacity_ + 16;
      void* grown = realloc(members_, capacity * sizeof(Member));
      if (grown == nullptr) return nullptr;
      members_ = static_cast<Member*>(grown);
      capacity_ = capacity;
    }
    Member member = {pid, parent, nullptr, 0, 0, 0, 0, 0, 0, true};
    member.handle = OpenForQuery(pid);
    if (member.handle == nullptr) member.refused = GetLastError();
    // OpenProcess() ignores the last two bits of a process id, so this may be another process.
    else if (GetProcessId(member.handle) != pid)
      Drop(&member);
    Usage usage;
    if (member.handle != nullptr && ReadUsage(member.handle, false, &usage)) {
      member.created = usage.created;
      // Growth counts from the first list on. What the first members had used before is not growth; everything that a
      // later member has used is.
      if (count_ == 0 || !listed_before_) {
        member.cpu = usage.cpu;
        member.read = usage.read;
        member.written = usage.written;
      }
    }
    members_[count_] = member;
    return &members_[count_++];
  }

  static void Drop(Member* member) {
    if (member->handle != nullptr) CloseHandle(member->handle);
    member->handle = nullptr;
  }

  bool List() {
    const HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    if (snapshot == INVALID_HANDLE_VALUE) {
      list_error_ = GetLastError();
      return false;
    }
    for (uint32_t i = 0; i < count_; i++) members_[i].seen = false;
    // A child may be listed before its parent, so repeat until no process joins.
    for (bool joined = true; joined;) {
      joined = false;
      PROCESSENTRY32W entry;
      entry.dwSize = sizeof(entry);
      for (BOOL more = Process32FirstW(snapshot, &entry); more; more = Process32NextW(snapshot, &entry)) {
        joined = Visit(entry) || joined;
      }
    }
    CloseHandle(snapshot);
    listed_before_ = true;
    for (uint32_t i = count_; i-- > 1;) {
      if (members_[i].seen) continue;
      ended_ += members_[i].cpu;
      Drop(&members_[i]);
      members_[i] = members_[--count_];
    }
    return true;
  }

  // True if the process has just joined the tree.
  bool Visit(const PROCESSENTRY32W& entry) {
    Member* known = Find(entry.th32ProcessID);
    if (known != nullptr) {
      known->seen = true;
      known->threads = entry.cntThreads;
      return false;
    }
    if (!tree_) return false;
    const Member* parent = Find(entry.th32ParentProcessID);
    if (parent == nullptr) return false;
    const uint64_t parent_created = parent->created;
    Member* child = Join(entry.th32ProcessID, entry.th32ParentProcessID);
    if (child == nullptr) return false;
    // Process ids are used again: a process older than its supposed parent is not its child.
    if (child->handle != nullptr && child->created < parent_created) {
      Drop(child);
      count_--;
      return false;
    }
    child->threads = entry.cntThreads;
    return true;
  }

  DWORD root_ = 0;
  bool tree_ = false;
  Member* members_ = nullptr;
  uint32_t count_ = 0, capacity_ = 0;
  bool listed_before_ = false;
  bool listed_ = false;  // whether the last attempt to list succeeded
  DWORD list_error_ = 0;
  uint64_t listed_at_ = 0;
  uint64_t ended_ = 0;  // CPU time of members that are gone, in 100 ns
  double used_ = 0, read_ = 0, written_ = 0;
  ElapsedTime elapsed_;
  Slope slope_;
};

}  // namespace

Probe* MakeProcessProbe(const Selector& selector, Failure* why) {
  if (selector.pid < 0 || selector.pid > 0xFFFFFFFF) {
    why->Set("no such process number");
    return nullptr;
  }
  // For a command, the kernel knows the members of the job, which is more reliable than following parents.
  if (Probe* probe = selector.tree ? MakeJobProbe(selector.pid) : nullptr) return probe;
  return OpenProbe<ProcessProbe>(selector, why);
}

}  // namespace tripline
