#include "linux/process_tree.h"

#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "linux/families.h"
#include "linux/file.h"
#include "linux/live_thread.h"
#include "linux/online_cpus.h"
#include "linux/parse/process.h"
#include "linux/parse/scan.h"
#include "port/platform.h"
#include "port/spawn.h"
#include "util/counter.h"
#include "util/inheriting_counter.h"
#include "util/slope.h"
#include "util/steady_growth.h"
#include "util/tree_footprint.h"

namespace tripline {

namespace {

constexpr uint64_t kScanPeriod = 100 * kMillisecond;
constexpr uint64_t kReadPeriod = kMillisecond;
// Reading the processes takes at most a hundredth of a core, however many there are, walking over their page tables at
// most a fiftieth, and scanning for new ones at most a two-hundredth.
constexpr uint64_t kReadShare = 100;
constexpr uint64_t kExactShare = 50;
constexpr uint64_t kScanShare = 200;
// In the tree of a command under limits, new processes must be noticed sooner.
constexpr uint64_t kCommandScanShare = 40;
constexpr uint32_t kHeld = 64;  // descriptors that stay open; further files are opened for each read
constexpr double kTick = 0.01;
constexpr double kLongestDelay = 10;  // seconds by which the time of a child may be counted late

constexpr MetricMask kOfIo = MaskOf(Metric::kProcessRead) | MaskOf(Metric::kProcessWrite);

uint64_t TicksSinceBoot() {
  struct timespec boot;
  clock_gettime(CLOCK_BOOTTIME, &boot);
  return static_cast<uint64_t>(boot.tv_sec) * 100 + static_cast<uint64_t>(boot.tv_nsec) / 10000000;
}

struct Member {
  int64_t pid;
  int64_t parent;
  uint64_t start;
  int fd;  // of its stat; -1 where it is not held
  bool has_clock;
  bool gone;
  bool ended;      // a zombie
  int64_t thread;  // a living thread, if the main thread has ended; else 0
  clockid_t clock;
  double own;         // seconds of CPU
  double waited;      // CPU seconds of its reaped children and their descendants
  double fresh_loss;  // what members below it had used that have ended since the last read
  double lost;        // the same, less the growth of `waited`
  double owed;        // what is left of that from the read before: it may have waited for one only after it was read
  double rss;
  uint64_t threads;
  uint64_t child_faults;
  MemberFootprint footprint;
  bool has_waited;                  // since the last read
  InheritingCounter read, written;  // bytes
};

// Growth is summed per member, so that the sum does not decrease when a member ends. The time of a reaped child appears
// in its parent's figure, and the part that was already counted is subtracted there. A child that is not reaped leaves
// its counted part in the sum.
class ProcessTree final : public Probe {
 public:
  ~ProcessTree() override {
    for (uint32_t i = 0; i < count_; i++) Drop(&members_[i]);
    free(members_);
  }

  bool Open(int64_t pid, bool own, Failure* why) {
    root_ = pid;
    uncounted_ = IsCommandRoot(pid);
    exact_ = own || !roots_.other_proc;
    proc_ = own ? "/proc" : roots_.proc.get();
    snprintf(origin_, sizeof(origin_), "%s/%lld/stat (and its descendants)", proc_, static_cast<long long>(pid));
    made_at_ = TicksSinceBoot();
    char path[512];
    snprintf(path, sizeof(path), "%s/%lld/task/%lld/children", proc_, static_cast<long long>(pid),
             static_cast<long long>(pid));
    has_children_files_ = access(path, R_OK) == 0;
    if (!Join(pid) || members_[0].ended) {
      if (unread_ != 0) return why->SetErrno("open", origin_, unread_, ""), false;
      snprintf(why->text, sizeof(why->text), "open %s/%lld/stat: %s", proc_, static_cast<long long>(pid),
               count_ == 0 ? "ENOENT (no such process)" : "the process has ended");
      return false;
    }
    total_ += growth_;
    growth_ = 0;
    return true;
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    // Figures that need a separate file per process are only read once they were requested.
    constexpr MetricMask kExtra = MaskOf(Metric::kProcessFootprint) | MaskOf(Metric::kProcessFds) | kOfIo;
    if ((wanted & kOfIo) != 0 && (extra_ & kOfIo) == 0) io_from_ = TicksSinceBoot();
    if ((wanted & kOfIo) != 0) wanted |= kOfIo;
    const bool more = (wanted & kExtra & ~extra_) != 0;
    extra_ |= wanted & kExtra;
    if (more || last_at_ == 0 || now - last_at_ >= read_period_ - read_period_ / 8) Refresh(now);
    if (unread_ != 0) {
      Failure why;
      why.SetErrno("read", origin_, unread_, "so a part of the tree is unknown");
      return SetUnavailable(wanted, why, out);
    }
    if (!alive_) {
      Failure why;
      snprintf(why.text, sizeof(why.text), "process %lld and all that it started have ended",
               static_cast<long long>(root_));
      return SetUnavailable(wanted, why, out);
    }
    if (Wants(wanted, Metric::kProcessCpu)) SetPair(Metric::kProcessCpu, used_, elapsed_, out);
    // Pages that several processes share are counted for each of them.
    if (Wants(wanted, Metric::kProcessRss)) out->SetLevel(Metric::kProcessRss, rss_);
    if (Wants(wanted, Metric::kProcessThreads)) out->SetLevel(Metric::kProcessThreads, threads_);
    if (Wants(wanted, Metric::kProcessCount)) out->SetLevel(Metric::kProcessCount, processes_);
    if (Wants(wanted, Metric::kProcessCpuTime)) out->SetLevel(Metric::kProcessCpuTime, total_ * 1e3);
    if ((wanted & kOfIo) != 0) {
      SetPair(Metric::kProcessRead, read_, io_elapsed_.seconds(), out);
      SetPair(Metric::kProcessWrite, written_, io_elapsed_.seconds(), out);
      if (io_failure_.failed()) SetUnavailable(wanted & kOfIo, io_failure_, out);
    }
    SetIfKnown(wanted, Metric::kProcessFootprint,
               footprints_known_ ? static_cast<double>(footprints_.value()) * 1024 : -1,
               "no process of the tree shows its anonymous memory (kernel before 4.5, or not allowed)", out);
    // The process nearest to its limit, because each process has its own limit.
    SetIfKnown(wanted, Metric::kProcessFds, descriptors_, "the descriptors of no process of the tree can be counted",
               out);
  }

  const char* Origin(Metric) const override { return origin_; }

  double MaxSlope(Metric metric) const override {
    return metric == Metric::kProcessRss || metric == Metric::kProcessFootprint ? slope_.Credible() : 0;
  }

 private:
  // A negative value is not known.
  static void SetIfKnown(MetricMask wanted, Metric metric, double value, const char* why, Readings* out) {
    if (!Wants(wanted, metric)) return;
    if (value >= 0) return out->SetLevel(metric, value);
    SetUnavailable(MaskOf(metric), why, out);
  }

  void Refresh(uint64_t now) {
    const uint64_t begun = ThreadCpuNow();
    if (scanned_at_ == 0 || now - scanned_at_ >= scan_period_ - scan_period_ / 8) {
      scanned_at_ = now;
      Scan();
      const uint64_t cost = (ThreadCpuNow() - begun) * (uncounted_ ? kCommandScanShare : kScanShare);
      scan_period_ = cost > kScanPeriod ? cost : kScanPeriod;
    }
    const uint64_t scanned = ThreadCpuNow();
    // Exact counters need an exact time: the scan may have taken longer than a short window.
    const uint64_t at = exact_ ? MonotonicNow() : now;
    ReadMembers();
    uint64_t cost = (ThreadCpuNow() - scanned) * kReadShare;
    if (footprints_.IsDue()) cost += ReadShares() * kExactShare;
    read_period_ = cost > kReadPeriod ? cost : kReadPeriod;
    if (read_at_ != 0) {
      const double elapsed = ToSeconds(at - read_at_);
      const double cpus = MostCpus(now);
      late_.Add(growth_);
      used_ += late_.Take(cpus * elapsed);
      late_.Limit(cpus * kLongestDelay);
      elapsed_ += elapsed;
    }
    if ((extra_ & kOfIo) != 0) io_elapsed_.Add(at);
    read_at_ = at;
    total_ += growth_;
    growth_ = 0;
    last_at_ = now;
    slope_.Add(now, -rss_);
  }

  // How many CPUs may have been in use since the last read: one per thread, old or new, unless uncounted children have
  // come and gone.
  double MostCpus(uint64_t now) {
    const double online = cpus_.Count(now);
    const double threads = threads_ > last_threads_ ? threads_ : last_threads_;
    last_threads_ = threads_;
    const double most = waited_grown_ ? online : threads;
    return most < 1 ? 1 : most < online ? most : online;
  }

  // ---- which processes belong to it. A process stays a member until it ends, even if its parent ends first.

  void Scan() {
    unread_ = 0;
    if (!has_children_files_) return ScanAll();
    for (uint32_t i = 0; i < count_; i++) {
      if (members_[i].gone || members_[i].ended) continue;
      char path[512];
      const auto pid = static_cast<long long>(members_[i].pid);
      snprintf(path, sizeof(path), "%s/%lld/task", proc_, pid);
      // Each thread has its own list of children.
      DirectoryReader threads(path);
      for (int64_t thread = 0; threads.NextNumber(&thread);) {
        snprintf(path, sizeof(path), "%s/%lld/task/%lld/children", proc_, pid, static_cast<long long>(thread));
        ReadChildren(path);
      }
      NoteUnread(threads.error());
    }
  }

  // A process that has ended, or belongs to another user, is left out. For any other error what it uses is unknown.
  void NoteUnread(int error) {
    if (error != 0 && error != ENOENT && error != ESRCH && error != EACCES && error != EPERM) unread_ = error;
  }

  void ReadChildren(const char* path) {
    const int fd = file_calls.open(path);
    if (fd < 0) return NoteUnread(errno);
    char text[1024];
    size_t kept = 0;
    off_t at = 0;
    for (;;) {
      const ssize_t got = file_calls.pread(fd, text + kept, sizeof(text) - kept, at);
      if (got <= 0) break;
      at += got;
      const size_t size = kept + static_cast<size_t>(got);
      // A number is followed by a blank; an incomplete number at the end continues in the next piece.
      size_t end = size;
      while (end > 0 && text[end - 1] != ' ') end--;
      uint64_t pid = 0;
      for (Scanner scan(text, end); scan.Number(&pid);) JoinUnknown(static_cast<int64_t>(pid));
      if (end == 0 && size == sizeof(text)) break;
      kept = size - end;
      memmove(text, text + end, kept);
    }
    file_calls.close(fd);
  }

  // Kernels without CONFIG_PROC_CHILDREN: looks at every process on the machine and its parent.
  void ScanAll() {
    DirectoryReader all(proc_);
    for (int64_t pid = 0; all.NextNumber(&pid);) {
      if (Find(pid) != nullptr) continue;
      char text[1024];
      ProcessStat stat;
      const int fd = OpenStat(pid);
      if (fd < 0) continue;
      const bool good = ReadStat(fd, text, sizeof(text), &stat);
      file_calls.close(fd);
      if (good && Find(stat.parent) != nullptr) JoinUnknown(pid);
    }
    NoteUnread(all.error());
  }

  Member* Find(int64_t pid) {
    for (uint32_t i = 0; i < count_; i++) {
      if (members_[i].pid == pid && !members_[i].gone) return &members_[i];
    }
    return nullptr;
  }

  void JoinUnknown(int64_t pid) {
    if (Find(pid) == nullptr) Join(pid);
  }

  bool Join(int64_t pid) {
    if (count_ == capacity_) {
      const uint32_t capacity = capacity_ == 0 ? 8 : capacity_ * 2;
      void* grown = realloc(members_, capacity * sizeof(Member));
      if (grown == nullptr) return false;
      members_ = static_cast<Member*>(grown);
      capacity_ = capacity;
    }
    char text[1024];
    ProcessStat stat;
    const int fd = OpenStat(pid);
    if (fd < 0) {
      NoteUnread(errno);
      return false;
    }
    clockid_t clock = CLOCK_MONOTONIC;
    const bool has_clock = exact_ && clock_getcpuclockid(static_cast<pid_t>(pid), &clock) == 0;
    if (!ReadStat(fd, text, sizeof(text), &stat)) {
      file_calls.close(fd);
      return false;
    }
    Member* member = &members_[count_++];
    *member = Member();
    member->pid = pid;
    member->start = stat.start;
    member->fd = fd;
    member->has_clock = has_clock;
    member->clock = clock;
    member->child_faults = stat.child_faults;
    if (held_ < kHeld) {
      held_++;
    } else {
      file_calls.close(fd);
      member->fd = -1;
    }
    Take(member, stat);
    // For a process born after the probe was made, all usage counts as growth. For an older process that was
    // reparented, earlier usage counts as baseline.
    const double past = member->own + member->waited;
    (stat.start >= made_at_ ? growth_ : total_) += past;
    return true;
  }

  int OpenStat(int64_t pid) const {
    char path[512];
    snprintf(path, sizeof(path), "%s/%lld/stat", proc_, static_cast<long long>(pid));
    return file_calls.open(path);
  }

  static bool ReadStat(int fd, char* text, size_t size, ProcessStat* stat) {
    ssize_t got = 0;
    do {
      got = file_calls.pread(fd, text, size, 0);
    } while (got < 0 && errno == EINTR);
    return got > 0 && ParseProcessStat(text, static_cast<size_t>(got), stat);
  }

  void Drop(Member* member) {
    if (member->fd < 0) return;
    file_calls.close(member->fd);
    member->fd = -1;
    held_--;
  }

  // ---- what they use

  void Take(Member* member, const ProcessStat& stat) {
    member->parent = stat.parent;
    uint64_t resident = stat.resident;
    member->ended = stat.ended() || (stat.lost_main_thread() && !ReadThread(member, &resident));
    member->rss = member->ended ? 0 : ToDouble(resident) * page_;
    member->threads = member->ended ? 0 : stat.threads;
    double own = kTick * ToDouble(stat.user + stat.system);
    struct timespec time;
    if (member->has_clock) {
      // Exact; for a zombie, its last value.
      own = clock_gettime(member->clock, &time) == 0
                ? static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9
                : member->own;
    }
    if (IsUncounted(*member)) own = 0;
    if (own > member->own) member->own = own;
    const double waited = kTick * ToDouble(stat.child_user + stat.child_system);
    if (waited <= member->waited) return;
    member->waited = waited;
    waited_grown_ = true;
  }

  // Resident pages, from the files of a living thread. False if there is none.
  bool ReadThread(Member* member, uint64_t* resident) const {
    Buffer* buffer = SharedBuffer();
    for (int attempt = 0; attempt < 2; attempt++) {
      if (member->thread == 0) member->thread = FindLiveThread(proc_, member->pid);
      if (member->thread == 0) return false;
      char path[512];
      uint64_t size = 0;
      snprintf(path, sizeof(path), "%s/%lld/task/%lld/statm", proc_, static_cast<long long>(member->pid),
               static_cast<long long>(member->thread));
      if (ReadOnce(path, buffer) && ParseStatm(buffer->data(), buffer->size, &size, resident) && size > 0) return true;
      member->thread = 0;
    }
    return false;
  }

  // The supervisor above a command is not part of it, but its figure of children's usage is the command's.
  bool IsUncounted(const Member& member) const { return uncounted_ && member.pid == root_; }

  bool ReadMember(Member* member, ProcessStat* stat) {
    char text[1024];
    const bool held = member->fd >= 0;
    const int fd = held ? member->fd : OpenStat(member->pid);
    if (fd < 0) return false;
    const bool good = ReadStat(fd, text, sizeof(text), stat);
    if (!held) file_calls.close(fd);
    // The pid may have been reused.
    return good && stat->start == member->start;
  }

  // Returns the time it took.
  uint64_t ReadShares() {
    const uint64_t begun = ThreadCpuNow();
    // Scans first: pages that are shared with an unknown process would be counted in part.
    Scan();
    footprints_.BeginExact();
    for (uint32_t i = 0; i < count_; i++) {
      const Member& member = members_[i];
      // Also 0 for one that has ended or is not counted.
      if (member.footprint.now == 0) continue;
      Buffer* buffer = SharedBuffer();
      char path[512];
      snprintf(path, sizeof(path), "%s/%lld/smaps_rollup", proc_, static_cast<long long>(member.pid));
      Footprint share;
      // The file of a process whose main thread has ended shows nothing.
      const bool known =
          member.thread == 0 && ReadOnce(path, buffer) && ParseShare(buffer->data(), buffer->size, &share);
      if (known)
        footprints_.AddExact(static_cast<long>(share.anonymous + share.shared));
      else if (member.thread != 0 || (errno != ESRCH && errno != ENOENT))
        footprints_.AddExact(member.footprint.now);
      // Otherwise it is just ending, and its pages are those of the others.
    }
    return ThreadCpuNow() - begun;
  }

  // Files that are opened for each read, after the check that the member is still the same process.
  void ReadExtra(Member* member, uint64_t faults) {
    Buffer* buffer = SharedBuffer();
    char folder[480], path[512];
    const auto pid = static_cast<long long>(member->pid);
    if (member->thread == 0)
      snprintf(folder, sizeof(folder), "%s/%lld", proc_, pid);
    else
      snprintf(folder, sizeof(folder), "%s/%lld/task/%lld", proc_, pid, static_cast<long long>(member->thread));
    if ((extra_ & MaskOf(Metric::kProcessFootprint)) != 0) {
      Footprint read;
      snprintf(path, sizeof(path), "%s/status", folder);
      if (ReadOnce(path, buffer) && ParseFootprint(buffer->data(), buffer->size, &read)) {
        footprints_known_ = true;
        footprints_.Add(static_cast<long>(read.anonymous), static_cast<long>(read.shared),
                        static_cast<long>(ToDouble(faults) * page_ / 1024), &member->footprint);
      }
    }
    if ((extra_ & MaskOf(Metric::kProcessFds)) != 0) {
      uint64_t limit = 0;
      snprintf(path, sizeof(path), "%s/fd", folder);
      const uint64_t count = CountDescriptors(path, exact_);
      snprintf(path, sizeof(path), "%s/limits", folder);
      if (count == 0 || !ReadOnce(path, buffer) || !ParseOpenFilesLimit(buffer->data(), buffer->size, &limit)) return;
      const double share = limit == 0 ? 100 : 100 * ToDouble(count) / ToDouble(limit);
      if (share > descriptors_) descriptors_ = share;
    }
  }

  // Without a running process, the sum would be too low, so there is no value.
  void ReadIo(Member* member) {
    char path[512];
    snprintf(path, sizeof(path), "%s/%lld/io", proc_, static_cast<long long>(member->pid));
    File file;
    file.SetPath(path);
    Buffer* buffer = SharedBuffer();
    ProcessIo io;
    if (file.Read(1, buffer) && ParseProcessIo(buffer->data(), buffer->size, &io)) {
      const bool fresh = member->start >= io_from_;
      member->read.Read(ToDouble(io.read), fresh);
      member->written.Read(ToDouble(io.written), fresh);
      return;
    }
    // It may have just ended.
    const int error = file.error();
    snprintf(path, sizeof(path), "%s/%lld/stat", proc_, static_cast<long long>(member->pid));
    if (error == ESRCH || access(path, F_OK) != 0) return;
    file.Explain(HintOfIo(error), &io_failure_);
  }

  void ReadMembers() {
    io_failure_.Clear();
    rss_ = 0;
    // A command's tree may be empty, and then needs no scan.
    footprints_known_ = uncounted_;
    footprints_.Begin();
    descriptors_ = uncounted_ ? 0 : -1;
    threads_ = 0;
    processes_ = 0;
    alive_ = false;
    waited_grown_ = false;
    // Parents first, which is the order in which they joined.
    for (uint32_t i = 0; i < count_; i++) {
      Member* member = &members_[i];
      ProcessStat stat;
      if (!ReadMember(member, &stat)) {
        member->gone = true;
        continue;
      }
      const double own = member->own;
      const double waited = member->waited;
      Take(member, stat);
      growth_ += member->own - own;
      member->lost = waited - member->waited;
      alive_ = alive_ || !member->ended;
      member->has_waited = stat.child_faults > member->child_faults;
      member->child_faults = stat.child_faults;
      if ((extra_ & kOfIo) != 0 && !member->ended) ReadIo(member);
      if (IsUncounted(*member)) continue;
      rss_ += member->rss;
      threads_ += ToDouble(member->threads);
      processes_ += member->ended ? 0 : 1;
      if (extra_ != 0 && !member->ended) ReadExtra(member, stat.faults);
    }
    for (uint32_t i = 0; i < count_; i++) {
      if (!members_[i].gone) continue;
      Member* heir = HeirOf(members_[i]);
      if (heir == nullptr) continue;
      heir->read.Inherit(members_[i].read);
      heir->written.Inherit(members_[i].written);
      heir->lost += members_[i].own + members_[i].waited;
      heir->fresh_loss += members_[i].own + members_[i].waited;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count_; i++) {
      Member* member = &members_[i];
      if (member->gone || member->ended) footprints_.Leave(&member->footprint);
      if (member->gone) {
        Drop(member);
        continue;
      }
      read_ += member->read.Settle(member->has_waited);
      written_ += member->written.Settle(member->has_waited);
      const double balance = member->lost + member->owed;
      if (balance < 0) growth_ -= balance;
      member->owed = balance <= 0 ? 0 : balance < member->fresh_loss ? balance : member->fresh_loss;
      member->lost = 0;
      member->fresh_loss = 0;
      members_[kept++] = *member;
    }
    count_ = kept;
  }

  // The member that received the time of one that has ended: its nearest living ancestor.
  Member* HeirOf(const Member& ended) {
    int64_t parent = ended.parent;
    for (uint32_t steps = 0; steps <= count_; steps++) {
      Member* found = nullptr;
      for (uint32_t i = 0; i < count_ && found == nullptr; i++) {
        if (members_[i].pid == parent) found = &members_[i];
      }
      if (found == nullptr || !found->gone) return found;
      parent = found->parent;
    }
    return nullptr;
  }

  bool exact_ = false;
  bool uncounted_ = false;
  bool has_children_files_ = false;
  bool alive_ = true;
  int unread_ = 0;             // why a part of the tree could not be read; 0 if all of it was
  bool waited_grown_ = false;  // a child has come and gone since the last read
  uint32_t count_ = 0;
  uint32_t capacity_ = 0;
  uint32_t held_ = 0;
  Member* members_ = nullptr;
  const char* proc_ = "/proc";
  int64_t root_ = 0;
  uint64_t made_at_ = 0;  // ticks since boot
  uint64_t io_from_ = 0;  // the same; all I/O of processes that began later is growth
  MetricMask extra_ = 0;

  uint64_t last_at_ = 0;
  uint64_t read_at_ = 0;
  uint64_t scanned_at_ = 0;
  uint64_t read_period_ = kReadPeriod;
  uint64_t scan_period_ = kScanPeriod;
  double growth_ = 0;
  double last_threads_ = 0;
  double used_ = 0, elapsed_ = 0;
  double total_ = 0;  // seconds of CPU since each of them began
  double rss_ = 0, threads_ = 0, processes_ = 0;
  double read_ = 0, written_ = 0;
  double descriptors_ = -1;  // negative: not known
  const double page_ = static_cast<double>(sysconf(_SC_PAGESIZE));
  TreeFootprint footprints_;
  bool footprints_known_ = false;

  const Roots roots_;
  SteadyGrowth late_;
  OnlineCpus cpus_{roots_};
  ElapsedTime io_elapsed_;
  Slope slope_;
  Failure io_failure_;
  char origin_[160] = "";
};

}  // namespace

const char* HintOfIo(int error) {
  switch (error) {
    case ENOENT: return "kernel without CONFIG_TASK_IO_ACCOUNTING";
    case EACCES:
    case EPERM: return "another user's process";
    default: return "";
  }
}

Probe* MakeProcessTreeProbe(int64_t pid, bool own, Failure* why) { return OpenProbe<ProcessTree>(pid, own, why); }

}  // namespace tripline
