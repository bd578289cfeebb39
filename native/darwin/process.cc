// process.* of this process, another one, or one with all its descendants.
#include <errno.h>
#include <libproc.h>
#include <mach/mach_time.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/proc_info.h>
#include <sys/resource.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "darwin/command_group.h"
#include "darwin/convert.h"
#include "darwin/families.h"
#include "darwin/process_list.h"
#include "port/platform.h"
#include "port/spawn.h"
#include "util/counter.h"
#include "util/list.h"
#include "util/slope.h"

namespace tripline {
namespace {

constexpr uint64_t kListPeriod = 250 * kMillisecond;
// Shorter for the tree of a command, whose supervisor keeps the list already.
constexpr uint64_t kCopyPeriod = 50 * kMillisecond;
constexpr size_t kCopySize = darwin::ProcessTree::kMost * sizeof(darwin::Member);

struct Member {
  pid_t pid;
  uint64_t started;        // differs if the process id was used again
  uint64_t cpu;            // mach ticks of the last read
  uint64_t read, written;  // bytes, of the last read
  bool gone;
};

class ProcessProbe final : public Probe {
 public:
  ProcessProbe() { mach_timebase_info(&timebase_); }
  ~ProcessProbe() override {
    free(descriptors_);
    process_list_.Close();
    if (descendants_ != nullptr) munmap(descendants_, sizeof(darwin::ProcessTree));
    if (copy_ != nullptr) munmap(copy_, kCopySize);
  }

  bool Open(const Selector& selector, Failure* why) {
    root_ = selector.pid == 0 ? getpid() : static_cast<pid_t>(selector.pid);
    own_ = root_ == getpid();
    tree_ = selector.tree;
    command_ = tree_ && IsCommandRoot(root_);
    rusage_info_v2 usage;
    if (!ReadUsage(root_, &usage)) {
      char number[16];
      snprintf(number, sizeof(number), "%d", root_);
      why->SetErrno("proc_pid_rusage", number, errno,
                    errno == ESRCH   ? "no such process"
                    : errno == EPERM ? "another user's process"
                                     : "");
      return false;
    }
    if (tree_ && !OpenTree()) {
      why->Set("no memory for the processes of a tree");
      return false;
    }
    Join(root_, usage, true);
    return true;
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    // The tolerance makes a read that comes slightly early refresh the list too.
    if (tree_ && (listed_at_ == 0 || now - listed_at_ >= ListPeriod() - ListPeriod() / 8)) {
      listed_at_ = now;
      FindDescendants();
    }
    double rss = 0, footprint = 0, threads = 0, count = 0;
    uint64_t total = 0;
    for (size_t i = 0; i < members_.size(); i++) {
      Member* member = &members_[i];
      rusage_info_v2 usage;
      const bool same = ReadUsage(member->pid, &usage) && usage.ri_proc_start_abstime == member->started;
      // A process that has ended keeps its figures until its parent waits for it.
      member->gone = !same || usage.ri_proc_exit_abstime != 0;
      if (member->gone) {
        if (same) Charge(member, usage);
        ended_ += member->cpu;
        continue;
      }
      // The supervisor is not part of the command's tree.
      if (command_ && i == 0) continue;
      count++;
      Charge(member, usage);
      total += member->cpu;
      rss += static_cast<double>(usage.ri_resident_size);
      footprint += static_cast<double>(usage.ri_phys_footprint);
      if (Wants(wanted, Metric::kProcessThreads)) threads += CountThreads(member->pid);
    }
    if (members_[0].gone) return SetEnded(root_, wanted, out);
    for (size_t i = members_.size(); i-- > 1;) {
      if (members_[i].gone) members_.erase(&members_[i]);
    }
    if (hidden_count_ > 0) {
      constexpr MetricMask kSums = ~(MaskOf(Metric::kProcessCount) | MaskOf(Metric::kProcessFds));
      Failure why;
      snprintf(why.text, sizeof(why.text), "process %d of the tree cannot be read: it is another user's", hidden_);
      SetUnavailable(wanted & kSums, why, out);
      wanted &= ~kSums;
    }
    elapsed_.Add(now);
    slope_.Add(now, -footprint);
    if (Wants(wanted, Metric::kProcessCpu)) SetPair(Metric::kProcessCpu, used_, elapsed_.seconds(), out);
    if (Wants(wanted, Metric::kProcessRead)) SetPair(Metric::kProcessRead, read_, elapsed_.seconds(), out);
    if (Wants(wanted, Metric::kProcessWrite)) SetPair(Metric::kProcessWrite, written_, elapsed_.seconds(), out);
    if (Wants(wanted, Metric::kProcessRss)) out->SetLevel(Metric::kProcessRss, rss);
    if (Wants(wanted, Metric::kProcessFootprint)) out->SetLevel(Metric::kProcessFootprint, footprint);
    if (Wants(wanted, Metric::kProcessThreads)) out->SetLevel(Metric::kProcessThreads, threads);
    if (Wants(wanted, Metric::kProcessCount)) out->SetLevel(Metric::kProcessCount, count + hidden_count_);
    if (Wants(wanted, Metric::kProcessCpuTime)) {
      const double seconds = darwin::MachSeconds(total + ended_, timebase_.numer, timebase_.denom);
      out->SetLevel(Metric::kProcessCpuTime, seconds * 1e3);
    }
    if (Wants(wanted, Metric::kProcessFds)) ReadDescriptors(wanted, out);
  }

  const char* Origin(Metric metric) const override {
    switch (metric) {
      case Metric::kProcessThreads: return "proc_pidinfo(PROC_PIDTASKINFO)";
      case Metric::kProcessFds: return "proc_pidinfo(PROC_PIDLISTFDS), getrlimit, kern.maxfilesperproc";
      default: return tree_ ? "proc_pid_rusage (and its descendants)" : "proc_pid_rusage";
    }
  }

  uint32_t MinPeriodMs(Metric metric) const override {
    // What a new member of a tree has used before it was listed is added all at once. Over less than the time between
    // two lists, that would give a share beyond all processors, or a rate that no disk has.
    const bool summed =
        metric == Metric::kProcessCpu || metric == Metric::kProcessRead || metric == Metric::kProcessWrite;
    if (summed && tree_) return static_cast<uint32_t>(ListPeriod() / kMillisecond);
    return InfoOf(metric).min_period_ms;
  }

  double MaxSlope(Metric metric) const override {
    return metric == Metric::kProcessRss || metric == Metric::kProcessFootprint ? slope_.Credible() : 0;
  }

 private:
  static bool ReadUsage(pid_t pid, rusage_info_v2* out) {
    return proc_pid_rusage(pid, RUSAGE_INFO_V2, reinterpret_cast<rusage_info_t*>(out)) == 0;
  }

  void Charge(Member* member, const rusage_info_v2& usage) {
    const uint64_t cpu = usage.ri_user_time + usage.ri_system_time;
    if (cpu > member->cpu) used_ += darwin::MachSeconds(cpu - member->cpu, timebase_.numer, timebase_.denom);
    member->cpu = cpu;
    if (usage.ri_diskio_bytesread > member->read)
      read_ += static_cast<double>(usage.ri_diskio_bytesread - member->read);
    if (usage.ri_diskio_byteswritten > member->written)
      written_ += static_cast<double>(usage.ri_diskio_byteswritten - member->written);
    member->read = usage.ri_diskio_bytesread;
    member->written = usage.ri_diskio_byteswritten;
  }

  static double CountThreads(pid_t pid) {
    struct proc_taskinfo info;
    const int size = proc_pidinfo(pid, PROC_PIDTASKINFO, 0, &info, sizeof(info));
    return size == static_cast<int>(sizeof(info)) ? info.pti_threadnum : 0;
  }

  // Allocates only when the tree is larger than ever before.
  // `past`: what the process has used so far does not count as growth.
  void Join(pid_t pid, const rusage_info_v2& usage, bool past) {
    Member member = {pid, usage.ri_proc_start_abstime, 0, 0, 0, false};
    if (past) {
      member.cpu = usage.ri_user_time + usage.ri_system_time;
      member.read = usage.ri_diskio_bytesread;
      member.written = usage.ri_diskio_byteswritten;
    }
    members_.push_back(member);
  }

  bool Has(pid_t pid) const {
    for (const Member& each : members_) {
      if (each.pid == pid) return true;
    }
    return false;
  }

  uint64_t ListPeriod() const { return command_ ? kCopyPeriod : kListPeriod; }

  bool OpenTree() {
    if (command_) {
      copy_ = static_cast<darwin::Member*>(darwin::Reserve(kCopySize, false));
      return copy_ != nullptr;
    }
    darwin::Process root;
    descendants_ = static_cast<darwin::ProcessTree*>(darwin::Reserve(sizeof(darwin::ProcessTree), false));
    if (descendants_ == nullptr || !process_list_.Open() || !darwin::ReadProcess(root_, &root)) return false;
    descendants_->SetRoot(root_, root.id, false);
    return true;
  }

  // Adds new descendants. A member stays in the tree until it ends, even if its parent changes.
  void FindDescendants() {
    hidden_count_ = 0;
    if (command_) {
      const int32_t count = darwin::CopyMembers(root_, copy_, darwin::ProcessTree::kMost);
      for (int32_t i = 0; i < count; i++) JoinUnknown(copy_[i]);
    } else {
      descendants_->Update(process_list_.get(), process_list_.Read(*descendants_, nullptr, false));
      for (uint32_t i = 0; i < descendants_->count(); i++) JoinUnknown((*descendants_)[i]);
    }
    listed_before_ = true;
  }

  void JoinUnknown(const darwin::Member& member) {
    darwin::Process now;
    rusage_info_v2 usage;
    if (!darwin::ProcessTree::IsAlive(member) || Has(member.pid)) return;
    if (!darwin::ReadProcess(member.pid, &now) || now.id != member.id) return;
    if (!ReadUsage(member.pid, &usage)) {
      // A sum that leaves it out would be too low.
      if (errno != EPERM) return;
      hidden_ = member.pid;
      hidden_count_++;
      return;
    }
    if (usage.ri_proc_exit_abstime != 0) return;
    // Growth counts from the first list on. What the first members had used before is not growth; everything that a
    // later member has used is.
    Join(member.pid, usage, !listed_before_ && !command_);
  }

  // macOS has no call that returns the limit of another process.
  void ReadDescriptors(MetricMask wanted, Readings* out) {
    Failure why;
    struct rlimit limit;
    if (!own_ || tree_) {
      why.Set("macOS reports the limit on descriptors to the process itself only");
      return SetUnavailable(wanted & MaskOf(Metric::kProcessFds), why, out);
    }
    const int most = proc_pidinfo(root_, PROC_PIDLISTFDS, 0, nullptr, 0);
    if (most > descriptors_size_) {
      void* grown = realloc(descriptors_, static_cast<size_t>(most) + 1024);
      if (grown == nullptr) return;
      descriptors_ = grown;
      descriptors_size_ = most + 1024;
    }
    const int filled = most <= 0 ? most : proc_pidinfo(root_, PROC_PIDLISTFDS, 0, descriptors_, descriptors_size_);
    if (filled <= 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == 0) {
      why.SetErrno("proc_pidinfo", "PROC_PIDLISTFDS", errno, "");
      return SetUnavailable(wanted & MaskOf(Metric::kProcessFds), why, out);
    }
    int most_files = 0;
    size_t most_size = sizeof(most_files);
    if (sysctlbyname("kern.maxfilesperproc", &most_files, &most_size, nullptr, 0) != 0 || most_files < 0)
      most_files = 0;
    const uint64_t count = static_cast<uint64_t>(filled) / sizeof(struct proc_fdinfo);
    out->SetLevel(Metric::kProcessFds,
                  darwin::ShareOfDescriptors(count, limit.rlim_cur, static_cast<uint64_t>(most_files)));
  }

  mach_timebase_info_data_t timebase_ = {};
  pid_t root_ = 0;
  bool own_ = true;
  bool tree_ = false;
  List<Member> members_;
  pid_t hidden_ = 0;  // one of the hidden_count_ members that this process may not read
  uint32_t hidden_count_ = 0;
  bool command_ = false;
  darwin::ProcessList process_list_;
  darwin::ProcessTree* descendants_ = nullptr;
  darwin::Member* copy_ = nullptr;
  void* descriptors_ = nullptr;
  int descriptors_size_ = 0;
  bool listed_before_ = false;
  uint64_t listed_at_ = 0;
  uint64_t ended_ = 0;  // CPU time of members that are gone, in mach ticks
  double used_ = 0, read_ = 0, written_ = 0;
  ElapsedTime elapsed_;
  Slope slope_;
};

}  // namespace

Probe* MakeProcessProbe(const Selector& selector, Failure* why) {
  if (selector.pid < 0 || selector.pid > INT32_MAX) {
    why->Set("no such process number");
    return nullptr;
  }
  return OpenProbe<ProcessProbe>(selector, why);
}

}  // namespace tripline
