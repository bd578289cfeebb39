// macOS's calls over Linux's; stand_in.h says how they differ from those of a Mac.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "stand_in.h"

#include <dirent.h>
#include <fcntl.h>
#include <libproc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/sysctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace stand_in {

bool refuses_ids = false;
bool hides_environments = false;

namespace {

int32_t adopter = 1;

// The ids of processes and of their forkers, in memory that all processes of the test share.
constexpr uint32_t kMakers = 1 << 16;
struct Maker {
  uint64_t id, parent_id;
}* makers = nullptr;

struct Stat {
  char state;
  int32_t parent, group;
  uint64_t start;  // ticks of 10 ms
  uint64_t used;   // CPU time, in the same ticks
  int32_t threads;
  uint64_t pages;
};

size_t ReadFile(const char* path, char* into, size_t room) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  size_t size = 0;
  for (ssize_t got = 1; got > 0 && size < room; size += got > 0 ? static_cast<size_t>(got) : 0) {
    got = read(fd, into + size, room - size);
  }
  close(fd);
  return size;
}

bool ReadStat(int32_t pid, Stat* stat) {
  char path[40], text[1024];
  snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  const size_t size = ReadFile(path, text, sizeof(text) - 1);
  text[size] = '\0';
  const char* rest = strrchr(text, ')');
  unsigned long long start = 0, user = 0, system = 0, pages = 0;
  if (rest == nullptr ||
      sscanf(rest, ") %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %d %*d %llu %*u %llu",
             &stat->state, &stat->parent, &stat->group, &user, &system, &stat->threads, &start, &pages) != 8) {
    return false;
  }
  stat->start = start;
  stat->used = user + system;
  stat->pages = pages;
  return stat->state != 'X';
}

uint64_t IdOf(int32_t pid, const Stat& stat) { return stat.start << 22 | static_cast<uint64_t>(pid); }

Maker* PlaceOf(uint64_t id) {
  for (uint64_t at = id * 0x9E3779B97F4A7C15u >> 48;; at = (at + 1) % kMakers) {
    if (makers[at].id == id || makers[at].id == 0) return &makers[at];
  }
}

uint64_t MakerOf(int32_t pid, const Stat& stat) {
  const uint64_t id = IdOf(pid, stat);
  Maker* place = PlaceOf(id);
  if (place->id == id) return place->parent_id;
  Stat parent, again;
  // The parent must not have changed since its own entry was read.
  if (stat.parent == adopter || !ReadStat(stat.parent, &parent) || !ReadStat(pid, &again)) return 0;
  if (again.parent != stat.parent) return 0;
  place->parent_id = IdOf(stat.parent, parent);
  place->id = id;
  return place->parent_id;
}

int ListDescriptors(void* into, int size) {
  auto* list = static_cast<struct proc_fdinfo*>(into);
  const int room = size / static_cast<int>(sizeof(*list));
  int count = 0;
  for (int fd = 0; fd < 1024 && count < room; fd++) {
    if (fcntl(fd, F_GETFD) >= 0) list[count++] = {fd, 0};
  }
  return count * static_cast<int>(sizeof(*list));
}

// ---- the queue: an epoll with a handle of each process, and a timer that looks for forks

constexpr uint32_t kMostWatched = 4096;
struct Watched {
  int32_t pid;
  int handle;
  uint64_t children;  // the sum of their process ids
} watched[kMostWatched];
constexpr uint32_t kClock = kMostWatched, kChild = kMostWatched + 1;
int clock_handle = -1, child_handle = -1;

uint64_t SumOfChildren(int32_t pid) {
  char path[64], text[4096];
  snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
  const size_t size = ReadFile(path, text, sizeof(text));
  uint64_t sum = 0;
  for (size_t i = 0; i < size; i++) sum = sum * 31 + static_cast<uint64_t>(text[i]);
  return sum;
}

bool Join(int queue, int handle, uint32_t place) {
  struct epoll_event event = {EPOLLIN, {}};
  event.data.u32 = place;
  return handle >= 0 && epoll_ctl(queue, EPOLL_CTL_ADD, handle, &event) == 0;
}

bool Watch(int queue, int32_t pid) {
  Stat stat;
  if (!ReadStat(pid, &stat) || stat.state == 'Z') {
    errno = ESRCH;
    return false;
  }
  for (uint32_t i = 0; i < kMostWatched; i++) {
    if (watched[i].pid != 0) continue;
    watched[i] = {pid, static_cast<int>(syscall(434, pid, 0)), SumOfChildren(pid)};
    if (Join(queue, watched[i].handle, i)) return true;
    watched[i].pid = 0;
    return false;
  }
  errno = ENOMEM;
  return false;
}

int TakeForks(struct kevent* into, int room) {
  int count = 0;
  uint64_t ticks = 0;
  if (read(clock_handle, &ticks, sizeof(ticks)) < 0) return 0;
  for (uint32_t i = 0; i < kMostWatched && count < room; i++) {
    if (watched[i].pid == 0) continue;
    const uint64_t children = SumOfChildren(watched[i].pid);
    if (children != 0 && children != watched[i].children) {
      EV_SET(&into[count++], static_cast<uintptr_t>(watched[i].pid), EVFILT_PROC, 0, NOTE_FORK, 0, nullptr);
    }
    watched[i].children = children;
  }
  return count;
}

int Take(int queue, struct kevent* into, int room) {
  struct epoll_event ready[64];
  const int found = epoll_wait(queue, ready, room < 64 ? room : 64, 0);
  int count = 0;
  bool forks = false;
  for (int i = 0; i < found; i++) {
    const uint32_t place = ready[i].data.u32;
    if (place == kClock) {
      forks = true;
    } else if (place == kChild) {
      struct signalfd_siginfo ended;
      while (read(child_handle, &ended, sizeof(ended)) > 0) {
      }
      EV_SET(&into[count++], SIGCHLD, EVFILT_SIGNAL, 0, 0, 1, nullptr);
    } else {
      EV_SET(&into[count++], static_cast<uintptr_t>(watched[place].pid), EVFILT_PROC, 0, NOTE_EXIT, 0, nullptr);
      close(watched[place].handle);
      watched[place] = {};
    }
  }
  return forks ? count + TakeForks(into + count, room - count) : count;
}

}  // namespace

void Begin() {
  makers = static_cast<Maker*>(
      mmap(nullptr, kMakers * sizeof(Maker), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  signal(SIGPIPE, SIG_IGN);
  int ends[2];
  if (makers == MAP_FAILED || pipe(ends) != 0) abort();
  const pid_t between = fork();
  if (between == 0) {
    const pid_t parent = getpid();
    if (fork() != 0) _exit(0);
    while (getppid() == parent) usleep(100);
    const int32_t number = getppid();
    _exit(write(ends[1], &number, sizeof(number)) < 0 ? 1 : 0);
  }
  waitpid(between, nullptr, 0);
  if (read(ends[0], &adopter, sizeof(adopter)) != sizeof(adopter)) abort();
  close(ends[0]);
  close(ends[1]);
}

}  // namespace stand_in

using namespace stand_in;

int proc_listallpids(void* into, int size) {
  auto* pids = static_cast<int32_t*>(into);
  const int room = size / static_cast<int>(sizeof(*pids));
  int count = 0;
  const int folder = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  alignas(8) char entries[4096];
  for (long got = 1; got > 0;) {
    got = syscall(SYS_getdents64, folder, entries, sizeof(entries));
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const struct dirent64*>(entries + at);
      const int32_t pid = atoi(entry->d_name);
      if (pid > 0 && count < room) pids[count++] = pid;
      at += entry->d_reclen;
    }
  }
  close(folder);
  return count;
}

int proc_pidinfo(int pid, int flavor, uint64_t argument, void* into, int size) {
  if (flavor == PROC_PIDLISTFDS && pid == getpid()) return ListDescriptors(into, size);
  Stat stat;
  const int32_t real = pid == 1 ? adopter : pid;
  if (!ReadStat(real, &stat) || (stat.state == 'Z' && argument == 0)) {
    errno = ESRCH;
    return 0;
  }
  const bool stopped = stat.state == 'T' || stat.state == 't';
  if (flavor == PROC_PIDT_SHORTBSDINFO) {
    const uint32_t parent = static_cast<uint32_t>(stat.parent == adopter ? 1 : stat.parent);
    MakerOf(real, stat);
    *static_cast<struct proc_bsdshortinfo*>(into) = {parent, static_cast<uint32_t>(stat.group),
                                                     stat.state == 'Z' ? 5u
                                                     : stopped         ? 4u
                                                                       : 2u};
    return size;
  }
  if (flavor == PROC_PIDTBSDINFO) {
    *static_cast<struct proc_bsdinfo*>(into) = {stat.start / 100,
                                                stat.start % 100 * 10000 + static_cast<uint64_t>(pid % 10000)};
    return size;
  }
  if (flavor == PROC_PIDTASKINFO) {
    *static_cast<struct proc_taskinfo*>(into) = {stat.threads};
    return size;
  }
  if (flavor == 17 && !refuses_ids) {
    memset(into, 0, static_cast<size_t>(size));
    uint64_t* ids = static_cast<uint64_t*>(into) + 2;
    ids[0] = IdOf(real, stat);
    ids[1] = MakerOf(real, stat);
    return size;
  }
  errno = EPERM;
  return 0;
}

int proc_pid_rusage(int pid, int, rusage_info_t* into) {
  Stat stat;
  if (!ReadStat(pid, &stat)) {
    errno = ESRCH;
    return -1;
  }
  const uint64_t bytes = stat.pages * 4096;
  *reinterpret_cast<rusage_info_v2*>(into) = {stat.used * 10000000,        0, bytes, bytes, IdOf(pid, stat),
                                              stat.state == 'Z' ? 1u : 0u, 0, 0};
  return 0;
}

int sysctl(int* name, unsigned, void* into, size_t* size, void*, size_t) {
  char path[40];
  auto* block = static_cast<char*>(into);
  snprintf(path, sizeof(path), "/proc/%d/environ", name[2] == 1 ? adopter : name[2]);
  const int32_t none = 0;
  memcpy(block, &none, sizeof(none));
  memcpy(block + 4, "/program\0", 9);
  const size_t got = hides_environments ? 0 : ReadFile(path, block + 13, *size - 13);
  *size = 13 + got;
  if (got > 0) return 0;
  errno = EINVAL;
  return -1;
}

int sysctlbyname(const char* name, void* into, size_t* size, void*, size_t) {
  if (strcmp(name, "kern.maxfilesperproc") != 0 || *size != sizeof(int)) return errno = ENOENT, -1;
  const int most = 1 << 20;
  memcpy(into, &most, sizeof(most));
  return 0;
}

int kqueue() {
  memset(watched, 0, sizeof(watched));
  const int queue = epoll_create1(EPOLL_CLOEXEC);
  clock_handle = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  const struct itimerspec each = {{0, 1000000}, {0, 1000000}};
  timerfd_settime(clock_handle, 0, &each, nullptr);
  return Join(queue, clock_handle, kClock) ? queue : -1;
}

int kevent(int queue, const struct kevent* changes, int change_count, struct kevent* into, int room,
           const struct timespec*) {
  for (int i = 0; i < change_count; i++) {
    if (changes[i].filter == EVFILT_PROC) {
      if (!Watch(queue, static_cast<int32_t>(changes[i].ident))) return -1;
      continue;
    }
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    child_handle = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (!Join(queue, child_handle, kChild)) return -1;
  }
  return room > 0 ? Take(queue, into, room) : 0;
}
