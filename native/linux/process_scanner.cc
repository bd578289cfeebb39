#include "linux/process_scanner.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include "linux/calls.h"
#include "linux/file.h"
#include "linux/parse/process.h"
#include "port/spawn.h"
#include "posix/bare.h"

namespace tripline {

namespace {

constexpr uint32_t kMost = 1 << 16;
constexpr int32_t kMostPids = 1 << 22;  // the kernel's PID_MAX_LIMIT
constexpr size_t kPeopleBytes = kMost * sizeof(ProcessScanner::ProcessEntry);
constexpr size_t kBitsBytes = kMostPids / 8;

// Only the pages that are used cost memory.
void* Reserve(size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

void Clear(uint64_t* bits) { madvise(bits, kBitsBytes, MADV_DONTNEED); }

// Whether our number in /proc is the one that we have for ourselves.
bool SeesItself() {
  char link[24];
  const ssize_t size = readlink("/proc/self", link, sizeof(link));
  int64_t number = 0;
  for (ssize_t i = 0; i < size && link[i] >= '0' && link[i] <= '9'; i++) number = number * 10 + (link[i] - '0');
  return number == getpid();
}

bool ReadProcessEntry(int64_t pid, ProcessScanner::ProcessEntry* entry) {
  char text[1024];
  bare::Line path;
  path.Add("/proc/").Add(static_cast<uint64_t>(pid)).Add("/stat");
  const ssize_t size = bare::ReadFile(path.get(), text, sizeof(text));
  ProcessStat stat;
  if (size <= 0 || !ParseProcessStat(text, static_cast<size_t>(size), &stat)) return false;
  *entry = {static_cast<int32_t>(pid), static_cast<int32_t>(stat.parent), stat.start, stat.state};
  return true;
}

bool IsDead(const ProcessScanner::ProcessEntry& entry) { return entry.state == 'Z' || entry.state == 'X'; }

bool HasMarker(int64_t pid, const char* marker) {
  bare::Line path;
  path.Add("/proc/").Add(static_cast<uint64_t>(pid)).Add("/environ");
  const int fd = open(path.get(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const size_t length = strlen(marker);
  char text[4096];
  size_t kept = 0;
  bool has = false;
  for (;;) {
    const ssize_t got = read(fd, text + kept, sizeof(text) - kept);
    if (got <= 0) break;
    const size_t size = kept + static_cast<size_t>(got);
    for (size_t at = 0; !has && at + length <= size; at++) has = memcmp(text + at, marker, length) == 0;
    if (has) break;
    // It may lie across two reads.
    kept = size < length ? size : length - 1;
    memmove(text, text + size - kept, kept);
  }
  close(fd);
  return has;
}

}  // namespace

bool ProcessScanner::Open() {
  blind_ = !SeesItself();
  found_ = static_cast<ProcessEntry*>(Reserve(kPeopleBytes));
  member_ = static_cast<uint64_t*>(Reserve(kBitsBytes));
  told_ = static_cast<uint64_t*>(Reserve(kBitsBytes));
  return found_ != nullptr && member_ != nullptr && told_ != nullptr;
}

ProcessScanner::~ProcessScanner() {
  if (found_ != nullptr) munmap(found_, kPeopleBytes);
  if (member_ != nullptr) munmap(member_, kBitsBytes);
  if (told_ != nullptr) munmap(told_, kBitsBytes);
}

bool ProcessScanner::Follow(CommandGroup*, int32_t, const char*) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  children_ = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  return children_ >= 0;
}

void ProcessScanner::Hear() {
  struct signalfd_siginfo told;
  while (read(children_, &told, sizeof(told)) > 0) {
  }
}

void ProcessScanner::ReadAll() {
  count_ = 0;
  DirectoryReader all("/proc");
  for (int64_t pid = 0; count_ < kMost && all.NextNumber(&pid);) {
    if (pid < kMostPids && ReadProcessEntry(pid, &found_[count_])) count_++;
  }
}

uint32_t ProcessScanner::FindDescendants(int32_t root) {
  if (blind_) return count_ = 0;
  ReadAll();
  Clear(member_);
  auto has = [this](int32_t pid) { return pid > 0 && (member_[pid / 64] >> (pid % 64) & 1) != 0; };
  auto add = [this](int32_t pid) { member_[pid / 64] |= uint64_t{1} << (pid % 64); };
  add(root);
  // Children mostly have the larger number, so that one or two rounds find everybody.
  for (bool grown = true; grown;) {
    grown = false;
    for (uint32_t i = 0; i < count_; i++) {
      if (has(found_[i].pid) || !has(found_[i].parent)) continue;
      add(found_[i].pid);
      grown = true;
    }
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count_; i++) {
    const ProcessEntry& each = found_[i];
    if (each.pid != root && has(each.pid) && !IsDead(each)) found_[kept++] = each;
  }
  return count_ = kept;
}

uint32_t ProcessScanner::FindMarked(const char* marker) {
  count_ = 0;
  const pid_t own = getpid();
  DirectoryReader all("/proc");
  for (int64_t pid = 0; count_ < kMost && all.NextNumber(&pid);) {
    if (pid == own || pid >= kMostPids || !HasMarker(pid, marker)) continue;
    if (ReadProcessEntry(pid, &found_[count_]) && !IsDead(found_[count_])) count_++;
  }
  return count_;
}

bool ProcessScanner::Signal(const ProcessEntry& entry, int signal) {
  // The number may have been given to somebody else since it was read: hold on to the process first, then look again.
  const long handle = syscall(kPidfdOpen, entry.pid, 0);
  ProcessEntry now = {};
  const bool same = ReadProcessEntry(entry.pid, &now) && now.start == entry.start && !IsDead(now);
  long result = -1;
  if (!same) {
    errno = ESRCH;
  } else if (handle < 0) {
    result = kill(entry.pid, signal);  // before Linux 5.3
  } else {
    result = syscall(kPidfdSendSignal, handle, signal, nullptr, 0);
  }
  const int error = errno;
  if (handle >= 0) close(static_cast<int>(handle));
  errno = error;
  return result == 0;
}

void ProcessScanner::ForgetTold() { Clear(told_); }

void ReapAdopted() {
  const pid_t own = getpid();
  DirectoryReader all("/proc");
  ProcessScanner::ProcessEntry each;
  for (int64_t pid = 0; all.NextNumber(&pid);) {
    // Supervisors are waited for by those who have started them.
    const bool adopted = ReadProcessEntry(pid, &each) && each.parent == own && IsDead(each) && !IsCommandRoot(pid);
    if (adopted) waitpid(each.pid, nullptr, WNOHANG);
  }
}

}  // namespace tripline
