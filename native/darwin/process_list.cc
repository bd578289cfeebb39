// Reads the process list of macOS, with libproc and sysctl.
#include "darwin/process_list.h"

#include <libproc.h>
#include <sys/mman.h>
#include <sys/proc_info.h>
#include <sys/sysctl.h>

namespace tripline::darwin {

namespace {

// Not in any header. Where the call fails, start times and parents have to do.
constexpr int kUniqueInfo = 17;  // PROC_PIDUNIQIDENTIFIERINFO
struct UniqueInfo {
  uint8_t program[16];
  uint64_t id;
  uint64_t parent_id;
  uint64_t other[3];
};

constexpr uint32_t kStopped = 4, kZombie = 5;  // SSTOP and SZOMB of sys/proc.h

constexpr size_t kListSize = ProcessTree::kMost * sizeof(Process);
constexpr size_t kPidsSize = ProcessTree::kMost * sizeof(int32_t);
constexpr size_t kBlockSize = 1 << 20;  // the kernel's ARG_MAX

// Also works for zombies.
bool Get(int32_t pid, int flavor, void* into, int size) { return proc_pidinfo(pid, flavor, 1, into, size) == size; }

}  // namespace

void* Reserve(size_t size, bool shared) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANON, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

bool ReadProcess(int32_t pid, Process* one) {
  struct proc_bsdshortinfo info;
  if (!Get(pid, PROC_PIDT_SHORTBSDINFO, &info, sizeof(info))) return false;
  *one = Process();
  one->pid = pid;
  one->parent = static_cast<int32_t>(info.pbsi_ppid);
  one->group = static_cast<int32_t>(info.pbsi_pgid);
  if (info.pbsi_status == kStopped) one->state = 'T';
  if (info.pbsi_status == kZombie) one->state = 'Z';
  UniqueInfo unique;
  if (Get(pid, kUniqueInfo, &unique, sizeof(unique))) {
    one->id = unique.id;
    one->parent_id = unique.parent_id;
    return true;
  }
  struct proc_bsdinfo more;
  if (!Get(pid, PROC_PIDTBSDINFO, &more, sizeof(more))) return false;
  one->id = more.pbi_start_tvsec * 1000000 + more.pbi_start_tvusec;
  return true;
}

void ProcessList::Close() {
  if (memory_ != nullptr) munmap(memory_, kListSize + kPidsSize + kBlockSize);
  memory_ = nullptr;
}

bool ProcessList::Open() {
  memory_ = Reserve(kListSize + kPidsSize + kBlockSize, false);
  if (memory_ == nullptr) return false;
  list_ = static_cast<Process*>(memory_);
  pids_ = reinterpret_cast<int32_t*>(list_ + ProcessTree::kMost);
  block_ = reinterpret_cast<char*>(pids_ + ProcessTree::kMost);
  return true;
}

bool ProcessList::IsMarked(int32_t pid, const char* marker) {
  int name[3] = {CTL_KERN, KERN_PROCARGS2, pid};
  size_t size = kBlockSize;
  return sysctl(name, 3, block_, &size, nullptr, 0) == 0 && HasMarker(block_, size, marker);
}

uint32_t ProcessList::Read(const ProcessTree& tree, const char* marker, bool all) {
  const int listed = proc_listallpids(pids_, static_cast<int>(kPidsSize));
  Process first;
  ReadProcess(1, &first);
  uint32_t count = 0;
  for (int i = 0; i < listed; i++) {
    Process* one = &list_[count];
    if (!ReadProcess(pids_[i], one)) continue;
    count++;
    const bool asked = all ? tree.IsYounger(*one) : tree.IsStray(*one, first.id);
    if (marker != nullptr && asked) one->marked = IsMarked(one->pid, marker);
  }
  return count;
}

}  // namespace tripline::darwin
