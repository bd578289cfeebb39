// The processes of a command on Linux: the supervisor is the subreaper of all of them, and /proc lists them.
#include "port/process_scanner.h"

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
#include "port/platform.h"
#include "port/spawn.h"
#include "posix/bare.h"
#include "posix/marker.h"

namespace tripline {

namespace {

using ProcessEntry = ProcessScanner::ProcessEntry;

constexpr uint32_t kFirstRoom = 256;
constexpr int32_t kMostPids = 1 << 22;  // the kernel's PID_MAX_LIMIT
constexpr size_t kBitsBytes = kMostPids / 8;

struct Found {
  ProcessEntry entry;  // its id is the start time
  int32_t parent;
  int32_t thread;  // a living thread, if the main thread has ended; else 0
};

// After so many scans that found nothing at all, the process list counts as hidden.
constexpr uint8_t kMostFailures = 5;

struct State {
  Found* found = nullptr;
  uint32_t count = 0, room = 0;
  // One bit for each possible pid.
  uint64_t* member = nullptr;
  uint64_t* signaled = nullptr;
  bool blind = false;
  uint8_t failures = 0;  // scans in a row that found nothing at all
  bool dead = false;     // whether the last search found dead processes
  int children = -1;     // a signalfd for SIGCHLD
};

// Only the pages that are used cost memory.
void* Reserve(size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

bool HasBit(const uint64_t* bits, int32_t pid) { return (bits[pid / 64] >> (pid % 64) & 1) != 0; }

void SetBit(uint64_t* bits, int32_t pid) { bits[pid / 64] |= uint64_t{1} << (pid % 64); }

void Clear(uint64_t* bits) { madvise(bits, kBitsBytes, MADV_DONTNEED); }

// Whether /proc belongs to this process's pid namespace; in another one, the numbers mean other processes.
bool SeesItself() {
  char link[24];
  const ssize_t size = readlink("/proc/self", link, sizeof(link));
  int64_t number = 0;
  for (ssize_t i = 0; i < size && link[i] >= '0' && link[i] <= '9'; i++) number = number * 10 + (link[i] - '0');
  return number == getpid();
}

bare::Line ThreadsOf(int64_t pid) {
  bare::Line path;
  path.Add("/proc/").Add(static_cast<uint64_t>(pid)).Add("/task");
  return path;
}

bool ReadStat(const char* folder, int64_t number, ProcessStat* stat) {
  char text[1024];
  bare::Line path;
  path.Add(folder).Add("/").Add(static_cast<uint64_t>(number)).Add("/stat");
  const ssize_t size = bare::ReadFile(path.get(), text, sizeof(text));
  return size > 0 && ParseProcessStat(text, static_cast<size_t>(size), stat);
}

bool ReadProcess(int64_t pid, Found* process) {
  ProcessStat stat;
  if (!ReadStat("/proc", pid, &stat)) return false;
  *process = {{static_cast<int32_t>(pid), stat.state, stat.start}, static_cast<int32_t>(stat.parent), 0};
  if (!stat.lost_main_thread()) return true;
  // The process lives, and only another thread shows its state and its environment.
  const bare::Line folder = ThreadsOf(pid);
  DirectoryReader threads(folder.get());
  for (int64_t thread = 0; threads.NextNumber(&thread);) {
    if (thread == pid || !ReadStat(folder.get(), thread, &stat) || stat.ended() || stat.lost_main_thread()) continue;
    process->entry.state = stat.state;
    process->thread = static_cast<int32_t>(thread);
    break;
  }
  return true;
}

bool IsDead(const ProcessEntry& process) { return process.state == 'Z' || process.state == 'X'; }

bool HasMarker(const Found& process, const char* marker) {
  bare::Line path = ThreadsOf(process.entry.pid);
  path.Add("/").Add(static_cast<uint64_t>(process.thread != 0 ? process.thread : process.entry.pid)).Add("/environ");
  const int fd = open(path.get(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  MarkerSearch search(marker);
  char text[4096];
  for (ssize_t got = 1; got > 0 && !search.found();) {
    got = read(fd, text, sizeof(text));
    if (got > 0) search.Read(text, static_cast<size_t>(got));
  }
  close(fd);
  return search.found();
}

size_t BytesOf(uint32_t room) { return room * sizeof(Found); }

// The next free entry; nullptr if there is no memory for it.
Found* MakeRoom(State* state) {
  if (state->count == state->room) {
    void* grown = mremap(state->found, BytesOf(state->room), BytesOf(2 * state->room), MREMAP_MAYMOVE);
    if (grown == MAP_FAILED) return nullptr;
    state->found = static_cast<Found*>(grown);
    state->room *= 2;
  }
  return &state->found[state->count];
}

void ReadAll(State* state) {
  state->count = 0;
  DirectoryReader all("/proc");
  for (int64_t pid = 0; all.NextNumber(&pid);) {
    Found* found = MakeRoom(state);
    if (found == nullptr) return;
    if (pid < kMostPids && ReadProcess(pid, found)) state->count++;
  }
}

}  // namespace

ProcessScanner::ProcessScanner() { os_.Make<State>(); }

ProcessScanner::~ProcessScanner() {
  const State& state = os_.As<State>();
  if (state.found != nullptr) munmap(state.found, BytesOf(state.room));
  if (state.member != nullptr) munmap(state.member, kBitsBytes);
  if (state.signaled != nullptr) munmap(state.signaled, kBitsBytes);
  if (state.children >= 0) close(state.children);
}

bool ProcessScanner::Open() {
  State& state = os_.As<State>();
  state.blind = !SeesItself();
  state.found = static_cast<Found*>(Reserve(BytesOf(kFirstRoom)));
  state.room = kFirstRoom;
  state.member = static_cast<uint64_t*>(Reserve(kBitsBytes));
  state.signaled = static_cast<uint64_t*>(Reserve(kBitsBytes));
  return state.found != nullptr && state.member != nullptr && state.signaled != nullptr;
}

// Every orphan becomes a child of the supervisor, so nothing else needs to be followed.
bool ProcessScanner::Follow(CommandGroup*, int32_t, const char*) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  const int children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  os_.As<State>().children = children;
  return children >= 0;
}

int ProcessScanner::handle() const { return os_.As<State>().children; }

uint64_t ProcessScanner::update_at() const { return kNever; }

void ProcessScanner::Update() {
  struct signalfd_siginfo ended;
  while (read(handle(), &ended, sizeof(ended)) > 0) {
  }
}

bool ProcessScanner::IsEmpty() { return true; }

bool ProcessScanner::blind() const { return os_.As<State>().blind; }

// Orphans go to the nearest subreaper above them, so no process escapes from below one.
uint32_t ProcessScanner::FindDescendants(int32_t root) {
  State& state = os_.As<State>();
  if (state.blind) return state.count = 0;
  ReadAll(&state);
  // Not even this process was found: the system is out of descriptors or memory. That may pass soon.
  state.failures = state.count > 0 ? 0 : static_cast<uint8_t>(state.failures + 1);
  if (state.failures == kMostFailures) state.blind = true;
  Clear(state.member);
  SetBit(state.member, root);
  // Children usually have larger pids, so one or two rounds find all of them.
  for (bool grown = true; grown;) {
    grown = false;
    for (uint32_t i = 0; i < state.count; i++) {
      const Found& each = state.found[i];
      const bool is_new = !HasBit(state.member, each.entry.pid);
      if (!is_new || each.parent <= 0 || !HasBit(state.member, each.parent)) continue;
      SetBit(state.member, each.entry.pid);
      grown = true;
    }
  }
  uint32_t kept = 0;
  state.dead = false;
  for (uint32_t i = 0; i < state.count; i++) {
    const Found& each = state.found[i];
    if (each.entry.pid == root || !HasBit(state.member, each.entry.pid)) continue;
    if (IsDead(each.entry))
      state.dead = true;
    else
      state.found[kept++] = each;
  }
  return state.count = kept;
}

// Its processes have become children of some other process. Only the marker in their environment shows which command
// they belong to.
uint32_t ProcessScanner::FindSurvivors(CommandGroup*, const char* marker) {
  State& state = os_.As<State>();
  state.count = 0;
  const pid_t own = getpid();
  DirectoryReader all("/proc");
  for (int64_t pid = 0; all.NextNumber(&pid);) {
    if (pid == own || pid >= kMostPids) continue;
    Found* found = MakeRoom(&state);
    if (found == nullptr) break;
    if (ReadProcess(pid, found) && !IsDead(found->entry) && HasMarker(*found, marker)) state.count++;
  }
  return state.count;
}

bool ProcessScanner::only_dead() const { return os_.As<State>().dead && count() == 0; }

const ProcessEntry& ProcessScanner::operator[](uint32_t index) const { return os_.As<State>().found[index].entry; }

uint32_t ProcessScanner::count() const { return os_.As<State>().count; }

bool ProcessScanner::WasSignaled(uint32_t index) const { return HasBit(os_.As<State>().signaled, (*this)[index].pid); }

void ProcessScanner::SetSignaled(uint32_t index) { SetBit(os_.As<State>().signaled, (*this)[index].pid); }

void ProcessScanner::ForgetSignaled() { Clear(os_.As<State>().signaled); }

bool ProcessScanner::Signal(const ProcessEntry& process, int signal) {
  // The pid may have been reused since it was read, so pin the process first and then check again.
  const long handle = syscall(kPidfdOpen, process.pid, 0);
  Found now = {};
  const bool same = ReadProcess(process.pid, &now) && now.entry.id == process.id && !IsDead(now.entry);
  long result = -1;
  if (!same) {
    errno = ESRCH;
  } else if (handle < 0) {
    result = kill(process.pid, signal);  // before Linux 5.3
  } else {
    result = syscall(kPidfdSendSignal, handle, signal, nullptr, 0);
  }
  const int error = errno;
  if (handle >= 0) close(static_cast<int>(handle));
  errno = error;
  return result == 0;
}

void ReapAdopted() {
  const pid_t own = getpid();
  DirectoryReader all("/proc");
  Found each;
  for (int64_t pid = 0; all.NextNumber(&pid);) {
    // Supervisors are reaped by the threads that have started them.
    const bool adopted = ReadProcess(pid, &each) && each.parent == own && IsDead(each.entry) && !IsCommandRoot(pid);
    if (adopted) waitpid(each.entry.pid, nullptr, WNOHANG);
  }
}

}  // namespace tripline
