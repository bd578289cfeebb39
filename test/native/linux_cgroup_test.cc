// Real cgroups, made and removed by the tests; skipped, with the reason, where the machine does not allow it.
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "reader.h"

namespace tripline {
namespace {

using test::now;
using test::Quotient;
using test::Reader;

constexpr double kMiB = 1024.0 * 1024;
constexpr long kTmpfs = 0x01021994;

bool WriteFile(const char* folder, const char* leaf, const char* text) {
  char path[512];
  snprintf(path, sizeof(path), "%s/%s", folder, leaf);
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool good = write(fd, text, strlen(text)) == static_cast<ssize_t>(strlen(text));
  close(fd);
  return good;
}

// A group of one hierarchy that a test makes and removes. The path is empty if that is not allowed.
struct Group {
  char path[256] = "";

  explicit Group(const char* mount) {
    snprintf(path, sizeof(path), "%s/tripline-test-%d", mount, getpid());
    if (access(mount, W_OK) != 0 || mkdir(path, 0755) != 0) path[0] = '\0';
  }
  ~Group() {
    // A group stays busy for a moment after its last process has ended.
    for (int i = 0; path[0] != '\0' && rmdir(path) != 0 && errno == EBUSY && i < 100; i++) usleep(10000);
  }
  bool made() const { return path[0] != '\0'; }
};

void Pass(uint64_t nanoseconds) {
  struct timespec time = {static_cast<time_t>(nanoseconds / kSecond), static_cast<long>(nanoseconds % kSecond)};
  nanosleep(&time, nullptr);
  now = MonotonicNow();
}

// Runs `body` in a child process that has joined the groups, and returns its answer: nullptr, or a complaint.
void RunInside(const Group* const* groups, int count, const char* (*body)()) {
  const pid_t pid = fork();
  if (pid == 0) {
    for (int i = 0; i < count; i++) {
      if (!WriteFile(groups[i]->path, "cgroup.procs", "0")) _exit(2);
    }
    now = MonotonicNow();
    const char* wrong = body();
    if (wrong != nullptr) {
      printf("  inside the cgroup: %s\n", wrong);
      fflush(stdout);
    }
    _exit(wrong == nullptr ? 0 : 1);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2) return test::Skip("this process may not move into a cgroup");
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
}

char message[256];

const char* Complain(const char* what, double value, const char* origin) {
  snprintf(message, sizeof(message), "%s: %.6g from %s", what, value, origin);
  return message;
}

const char* FillMemory() {
  Reader reader(Metric::kMemory);
  const double before = reader.Level(Metric::kMemory);
  const char* origin = reader.probe->Origin(Metric::kMemory);
  if (strstr(origin, "tripline-test") == nullptr) return Complain("decided elsewhere", before, origin);
  if (before > 30) return Complain("an almost empty group is full", before, origin);
  const double slack = reader.Level(Metric::kMemoryAvailable);
  if (slack > 64 * kMiB) return Complain("more is available than allowed", slack, origin);

  // Page cache is not used memory, even after a second read has made it active. The file is next to the test program,
  // because /tmp may be a tmpfs.
  char file[] = ".cache/tripline-XXXXXX";
  const int fd = mkstemp(file);
  struct statfs where;
  const bool on_disk = fd >= 0 && fstatfs(fd, &where) == 0 && where.f_type != kTmpfs;
  unlink(file);
  static char block[1 << 16];
  memset(block, 'x', sizeof(block));
  for (int i = 0; on_disk && i < 24 * 16; i++) {
    if (write(fd, block, sizeof(block)) < 0) return "cannot write a file";
  }
  fsync(fd);
  for (int round = 0; round < 3; round++) {
    lseek(fd, 0, SEEK_SET);
    while (read(fd, block, sizeof(block)) > 0) {
    }
  }
  Pass(150 * kMillisecond);
  const double cached = reader.Level(Metric::kMemory);
  if (cached > before + 15) return Complain("page cache counts as used", cached, origin);
  close(fd);

  constexpr size_t kSize = size_t{44} << 20;
  char* memory = static_cast<char*>(malloc(kSize));
  for (size_t i = 0; i < kSize; i += 4096) static_cast<volatile char*>(memory)[i] = 1;
  Pass(150 * kMillisecond);
  const double full = reader.Level(Metric::kMemory);
  if (full < 65 || full > 100) return Complain("44 of 64 MiB used", full, reader.probe->Origin(Metric::kMemory));
  free(memory);
  return nullptr;
}

TEST(RealCgroupWithAMemoryLimit) {
  Group first("/sys/fs/cgroup/memory");
  Group second("/sys/fs/cgroup");
  const char* limit = "67108864";
  const Group* group = nullptr;
  if (first.made() && WriteFile(first.path, "memory.limit_in_bytes", limit)) group = &first;
  if (second.made() && WriteFile(second.path, "memory.max", limit)) group = &second;
  if (group == nullptr) return test::Skip("no memory cgroup may be made here");
  RunInside(&group, 1, FillMemory);
}

// The hierarchy stays mounted from outside the namespace, so that cgroup names do not lead to this process's group.
const char* SeeTheLimitFromANamespace() {
  if (unshare(CLONE_NEWCGROUP) != 0) _exit(2);
  Reader reader(Metric::kMemory);
  const double slack = reader.Level(Metric::kMemoryAvailable);
  const char* origin = reader.probe->Origin(Metric::kMemory);
  if (strstr(origin, "tripline-test") == nullptr) return Complain("decided elsewhere", slack, origin);
  return slack > 64 * kMiB ? Complain("more is available than allowed", slack, origin) : nullptr;
}

TEST(RealCgroupFromANamespaceThatWasNotRemounted) {
  Group first("/sys/fs/cgroup/memory");
  Group second("/sys/fs/cgroup");
  const char* limit = "67108864";
  const Group* group = nullptr;
  if (first.made() && WriteFile(first.path, "memory.limit_in_bytes", limit)) group = &first;
  if (second.made() && WriteFile(second.path, "memory.max", limit)) group = &second;
  if (group == nullptr) return test::Skip("no memory cgroup may be made here");
  RunInside(&group, 1, SeeTheLimitFromANamespace);
}

double CpuSeconds() { return static_cast<double>(clock()) / CLOCKS_PER_SEC; }

// Compares CPU time with CPU time, as a busy machine gives a process as little as it likes.
const char* BurnCpu() {
  Reader reader(Metric::kCpu);
  const double before = CpuSeconds();
  const Reading throttled = reader.Read(Metric::kCpuThrottled);
  const Reading first = reader.Read(Metric::kCpu);
  const double begun = CpuSeconds();
  while (CpuSeconds() - begun < 0.2) {
  }
  const double burnt = CpuSeconds() - begun;
  // The quota is a fifth of one CPU, over a time that the test chooses.
  now += 2 * kSecond;
  const Reading second = reader.Read(Metric::kCpu);
  const double most = CpuSeconds() - before;
  if (second.parts < 2) return "the quota is not seen";
  const char* origin = reader.probe->OriginOf(Metric::kCpu, 1);
  if (strstr(origin, "tripline-test") == nullptr) return Complain("decided elsewhere", 0, origin);
  const double allowed = second.den[1] - first.den[1];
  if (allowed < 0.39 || allowed > 0.41) return Complain("not what the quota allows", 100 * allowed, origin);
  // The kernel's accounts of the process and of the group differ by a tick or two.
  const double used = second.num[1] - first.num[1];
  if (used < burnt - 0.02 || used > most + 0.02) return Complain("not what it used", 100 * used, origin);
  const double waited = 100 * Quotient(throttled, reader.Read(Metric::kCpuThrottled));
  if (waited > 100) return Complain("throttled more than all of the time", waited, "");
  return nullptr;
}

TEST(RealCgroupWithACpuQuota) {
  Group cpu("/sys/fs/cgroup/cpu");
  Group usage("/sys/fs/cgroup/cpuacct");
  if (cpu.made() && WriteFile(cpu.path, "cpu.cfs_quota_us", "20000")) {
    const Group* both[] = {&cpu, &usage};
    return RunInside(both, usage.made() ? 2 : 1, BurnCpu);
  }
  Group second("/sys/fs/cgroup");
  const Group* group = &second;
  if (!second.made() || !WriteFile(second.path, "cpu.max", "20000 100000")) {
    return test::Skip("no cpu cgroup may be made here");
  }
  RunInside(&group, 1, BurnCpu);
}

}  // namespace
}  // namespace tripline
