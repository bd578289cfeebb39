// process.* of this process, of others and of trees: real processes, and made-up file trees.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "failing_calls.h"
#include "fixture.h"
#include "reader.h"

namespace tripline {
namespace {

using test::FakeRoot;
using test::now;
using test::OfProcess;
using test::Reader;

// How many threads of a sanitizer a process that was just forked may not have started yet.
constexpr double kLater = test::kOwnThreads - 1;

TEST(ProcessOfOurOwn) {
  Reader reader(Metric::kProcessRss);
  CHECK(reader.Level(Metric::kProcessRss) > 100000);
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), test::kOwnThreads, 0);
}

// However short the time between two reads, a process is never busier than the CPUs that it can use.
TEST(ProcessOfOurOwnIsNeverBusierThanItsCpus) {
  Reader reader(Metric::kProcessCpu);
  const double online = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
  const Reading first = reader.Read(Metric::kProcessCpu);
  Reading last = first;
  for (int i = 0; i < 20000; i++) {
    const Reading reading = reader.Read(Metric::kProcessCpu);
    CHECK(test::Quotient(last, reading) <= online + 1e-6);
    last = reading;
  }
  CHECK(test::Quotient(first, last) > 0);
}

pid_t Start(void (*body)()) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  body();
  _exit(0);
}

void Idle() {
  for (;;) pause();
}

// Uses `seconds` of CPU time, measured by the thread's CPU clock.
void Burn(double seconds) {
  for (;;) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    if (static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9 > seconds) return;
  }
}

TEST(ProcessThatEnds) {
  const pid_t pid = Start(Idle);
  Reader reader(Metric::kProcessRss, OfProcess(pid));
  CHECK(reader.probe != nullptr);
  CHECK(reader.Level(Metric::kProcessRss) > 0);
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), test::kOwnThreads, kLater);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  now += kSecond;
  CHECK(reader.WhyHas(Metric::kProcessRss, "has ended"));
  CHECK(reader.WhyHas(Metric::kProcessCpu, "has ended"));
}

TEST(ProcessThatIsNot) {
  Reader reader(Metric::kProcessRss, OfProcess(0x3fffffff));
  CHECK(reader.probe == nullptr);
  CHECK(strstr(reader.failure.text, "no such process") != nullptr);
  Reader tree(Metric::kProcessRss, OfProcess(0x3fffffff, true));
  CHECK(tree.probe == nullptr);
  CHECK(strstr(tree.failure.text, "no such process") != nullptr);
}

int go[2];
int done[2];

// Waits for a byte, starts a child that uses 0.2 s of CPU and ends, waits for the child, reports that, and idles.
void ParentOfABurner() {
  char byte;
  if (read(go[0], &byte, 1) != 1) return;
  const pid_t child = fork();
  if (child == 0) {
    Burn(0.2);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  if (write(done[1], "x", 1) != 1) return;
  Idle();
}

TEST(TreeCountsChildrenThatCameAndWent) {
  CHECK(pipe(go) == 0 && pipe(done) == 0);
  const pid_t pid = Start(ParentOfABurner);
  Reader reader(Metric::kProcessCpu, OfProcess(pid, true));
  CHECK(reader.probe != nullptr);
  const Reading first = reader.Read(Metric::kProcessCpu);
  double last = first.num[0];
  CHECK(write(go[1], "x", 1) == 1);
  // Read while the child runs as well: what is seen of the child then must not count twice.
  for (int i = 0; i < 20; i++) {
    struct timespec pause = {0, 15000000};
    nanosleep(&pause, nullptr);
    now += 10 * kSecond;
    const double used = reader.Read(Metric::kProcessCpu).num[0];
    CHECK(used >= last);
    last = used;
  }
  char byte;
  CHECK(read(done[0], &byte, 1) == 1);
  now += 10 * kSecond;
  const Reading second = reader.Read(Metric::kProcessCpu);
  CHECK_NEAR(second.num[0] - first.num[0], 0.2, 0.05);
  CHECK(reader.Level(Metric::kProcessRss) > 0);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  now += 10 * kSecond;
  CHECK(reader.WhyHas(Metric::kProcessCpu, "have ended"));
}

void ParentOfIdlers() {
  for (int i = 0; i < 3; i++) {
    if (fork() == 0) Idle();
  }
  if (write(done[1], "x", 1) != 1) return;
  Idle();
}

TEST(TreeKeepsTheOrphans) {
  CHECK(pipe(done) == 0);
  const pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    ParentOfIdlers();
    _exit(0);
  }
  char byte;
  CHECK(read(done[0], &byte, 1) == 1);
  Reader reader(Metric::kProcessThreads, OfProcess(pid, true));
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), 4 * test::kOwnThreads, 4 * kLater);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  now += 10 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), 3 * test::kOwnThreads, 3 * kLater);
  kill(-pid, SIGKILL);
  bool ended = false;
  for (int i = 0; i < 500 && !ended; i++) {
    struct timespec pause = {0, 10000000};
    nanosleep(&pause, nullptr);
    now += 10 * kSecond;
    ended = reader.Read(Metric::kProcessThreads).state == Reading::kUnavailable;
  }
  CHECK(ended);
}

constexpr size_t kHeld = size_t{32} << 20;

void* HoldMemory(void*) {
  char* memory = static_cast<char*>(malloc(kHeld));
  for (size_t i = 0; i < kHeld; i += 4096) static_cast<volatile char*>(memory)[i] = 1;
  if (write(done[1], "x", 1) != 1) return nullptr;
  for (;;) Burn(3600);
}

// Runs in a process whose main thread ends while another thread goes on.
void LoseTheMainThread() {
  pthread_t thread;
  pthread_create(&thread, nullptr, HoldMemory, nullptr);
  pthread_exit(nullptr);
}

void WaitForState(pid_t pid, char state) {
  char path[64], text[256] = {};
  snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  for (int i = 0; i < 1000; i++) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    const char* name_end = strrchr(text, ')');
    if (name_end != nullptr && name_end[2] == state) return;
    usleep(10000);
  }
  CHECK(false);
}

TEST(ProcessWhoseMainThreadHasEnded) {
  CHECK(pipe(done) == 0);
  const pid_t pid = Start(LoseTheMainThread);
  char byte;
  CHECK(read(done[0], &byte, 1) == 1);
  WaitForState(pid, 'Z');
  for (const bool tree : {false, true}) {
    Reader reader(Metric::kProcessRss, OfProcess(pid, tree));
    CHECK(reader.probe != nullptr);
    CHECK(reader.Level(Metric::kProcessRss) > static_cast<double>(kHeld));
    CHECK(reader.Level(Metric::kProcessFootprint) > static_cast<double>(kHeld));
    CHECK(reader.Level(Metric::kProcessFds) > 0);
    CHECK_NEAR(reader.Level(Metric::kProcessCount), 1, 0);
    const Reading first = reader.Read(Metric::kProcessCpu);
    double used = 0;
    for (int i = 0; i < 500 && used == 0; i++) {
      usleep(10000);
      now += kSecond;
      used = reader.Read(Metric::kProcessCpu).num[0] - first.num[0];
    }
    CHECK(used > 0);
  }
  Reader reader(Metric::kProcessRss, OfProcess(pid));
  Reader tree(Metric::kProcessRss, OfProcess(pid, true));
  CHECK(reader.Level(Metric::kProcessRss) > static_cast<double>(kHeld));
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  now += kSecond;
  CHECK(reader.WhyHas(Metric::kProcessRss, "has ended"));
  CHECK(tree.WhyHas(Metric::kProcessRss, "ended"));
}

TEST(ProcessThatLosesItsMainThreadWhileItIsRead) {
  for (const bool tree : {false, true}) {
    FakeRoot root;
    root.Change("proc/10/stat", "10 (a) S 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 3 0 1 0 100\n");
    root.Change("proc/10/statm", "1000 100 50 1 0 1 0\n");
    root.Change("proc/10/task/11/statm", "1000 100 50 1 0 1 0\n");
    root.Change("proc/10/task/12/statm", "1000 100 50 1 0 1 0\n");
    root.PutFixture("proc/10/task/12/limits", "linux/limits/6.18");
    root.PutFixture("proc/10/limits", "linux/limits/6.18");
    root.Put("proc/10/task/12/fd/0", "");
    Reader reader(Metric::kProcessRss, OfProcess(10, tree));
    const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
    CHECK_NEAR(reader.Level(Metric::kProcessRss), 100 * page, 0);
    root.Change("proc/10/stat", "10 (a) Z 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 3 0 1 0 0\n");
    root.Change("proc/10/statm", "0 0 0 0 0 0 0\n");
    now += 10 * kSecond;
    CHECK_NEAR(reader.Level(Metric::kProcessRss), 100 * page, 0);
    // One of the other threads ends as well.
    root.Change("proc/10/task/11/statm", "0 0 0 0 0 0 0\n");
    root.Change("proc/10/task/12/statm", "1000 70 50 1 0 1 0\n");
    now += 10 * kSecond;
    CHECK_NEAR(reader.Level(Metric::kProcessRss), 70 * page, 0);
    CHECK(reader.Level(Metric::kProcessFds) > 0);
    CHECK_NEAR(reader.Level(Metric::kProcessCount), 1, 0);
    // Only the zombie is left.
    root.Change("proc/10/stat", "10 (a) Z 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 1 0 1 0 0\n");
    now += 10 * kSecond;
    CHECK(reader.WhyHas(Metric::kProcessRss, "ended"));
  }
}

TEST(ProcessThatOnlyCannotBeReadHasNotEnded) {
  FakeRoot root;
  root.Change("proc/10/stat", "10 (a) S 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 2 0 1 0 100\n");
  root.Change("proc/10/statm", "1000 100 50 1 0 1 0\n");
  Reader reader(Metric::kProcessThreads, OfProcess(10));
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), 2, 0);
  test::FailingCalls calls;
  calls.Fail(ENOMEM);
  now += kSecond;
  CHECK(reader.WhyHas(Metric::kProcessThreads, "ENOMEM"));
  now += kSecond;
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), 2, 0);
  calls.Fail(ESRCH);
  now += kSecond;
  CHECK(reader.WhyHas(Metric::kProcessThreads, "has ended"));
}

// A tick is ten milliseconds. Counted within one millisecond, it would look like ten CPUs.
TEST(ProcessCountedInTicksIsNeverBusierThanItsThreads) {
  for (const bool tree : {false, true}) {
    FakeRoot root;
    root.Put("sys/devices/system/cpu/online", "0-7\n");
    root.Change("proc/10/stat", "10 (a) S 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 1 0 1 0 100\n");
    root.Change("proc/10/statm", "1000 100 50 1 0 1 0\n");
    Reader reader(Metric::kProcessCpu, OfProcess(10, tree));
    const Reading first = reader.Read(Metric::kProcessCpu);
    Reading last = first;
    for (int i = 1; i <= 1000; i++) {
      now += kMillisecond;
      char text[128];
      // The process is busy for the first half second and idle afterwards.
      const int ticks = 100 + (i < 500 ? i / 10 : 50);
      snprintf(text, sizeof(text), "10 (a) R 1 1 1 0 -1 0 0 0 0 0 %d 0 50 0 20 0 1 0 1 0 100\n", ticks);
      root.Change("proc/10/stat", text);
      const Reading reading = reader.Read(Metric::kProcessCpu);
      CHECK(test::Quotient(last, reading) <= 1 + 1e-6);
      last = reading;
    }
    CHECK_NEAR(last.num[0] - first.num[0], 0.5, 0.011);
    CHECK_NEAR(last.den[0] - first.den[0], 1, 0.011);
  }
}

TEST(TreeWithAChildThatIsFoundLate) {
  FakeRoot root;
  root.Put("sys/devices/system/cpu/online", "0-1\n");
  root.Put("proc/10/stat", "10 (a) S 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 1 0 1 0 100\n");
  Reader reader(Metric::kProcessCpu, OfProcess(10, true));
  Reading last = reader.Read(Metric::kProcessCpu);
  now += 100 * kMillisecond;
  last = reader.Read(Metric::kProcessCpu);
  // The child was started after the first read and has used one second since.
  root.Put("proc/11/stat", "11 (b) R 10 1 1 0 -1 0 0 0 0 0 100 0 0 0 20 0 1 0 4000000000 0 100\n");
  double used = 0;
  for (int i = 0; i < 200; i++) {
    now += 10 * kMillisecond;
    const Reading reading = reader.Read(Metric::kProcessCpu);
    CHECK(test::Quotient(last, reading) <= 2 + 1e-6);
    used += reading.num[0] - last.num[0];
    last = reading;
  }
  CHECK_NEAR(used, 1, 1e-6);
}

TEST(TreeThatCannotBeReadForLackOfDescriptorsIsUnavailable) {
  FakeRoot root;
  root.Put("sys/devices/system/cpu/online", "0-1\n");
  root.Put("proc/10/stat", "10 (a) S 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 1 0 1 0 100\n");
  Reader reader(Metric::kProcessRss, OfProcess(10, true));
  const double alone = reader.Level(Metric::kProcessRss);
  CHECK(alone > 0);
  root.Put("proc/11/stat", "11 (b) R 10 1 1 0 -1 0 0 0 0 0 100 0 0 0 20 0 1 0 4000000000 0 100\n");
  now += 10 * kSecond;
  struct rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  const struct rlimit none = {0, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  CHECK(reader.WhyHas(Metric::kProcessRss, "EMFILE"));
  setrlimit(RLIMIT_NOFILE, &before);
  now += 10 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kProcessRss), 2 * alone, 0);
}

TEST(TreeUnderHostProc) {
  FakeRoot root;
  root.Put("proc/10/stat", "10 (a) S 1 1 1 0 -1 0 0 0 0 0 100 0 50 0 20 0 2 0 1 0 100\n");
  root.Put("proc/11/stat", "11 (b) S 10 1 1 0 -1 0 0 0 0 0 100 0 0 0 20 0 3 0 1 0 100\n");
  root.Put("proc/12/stat", "12 (c) S 11 1 1 0 -1 0 0 0 0 0 100 0 0 0 20 0 4 0 1 0 100\n");
  root.Put("proc/13/stat", "13 (d) S 1 1 1 0 -1 0 0 0 0 0 100 0 0 0 20 0 5 0 1 0 100\n");
  Reader reader(Metric::kProcessThreads, OfProcess(10, true));
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), 9, 0);
  const Reading first = reader.Read(Metric::kProcessCpu);
  now += 10 * kSecond;
  // Process 11 uses 0.5 s. Process 12 ends, and its one second is now part of its parent's figure.
  root.Change("proc/11/stat", "11 (b) S 10 1 1 0 -1 0 0 0 0 0 150 0 100 0 20 0 3 0 1 0 100\n");
  root.Change("proc/12/stat", "");
  const Reading second = reader.Read(Metric::kProcessCpu);
  CHECK_NEAR(second.num[0] - first.num[0], 0.5, 1e-9);
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), 5, 0);
}

TEST(PidsUnderHostProcAreOfThatTree) {
  FakeRoot root;
  char path[64], text[256];
  snprintf(path, sizeof(path), "proc/%d/stat", getpid());
  snprintf(text, sizeof(text), "%d (x) S 1 1 1 0 -1 0 0 0 0 0 1 0 5 0 20 0 77 0 1 0 100\n", getpid());
  root.Put(path, text);
  snprintf(path, sizeof(path), "proc/%d/statm", getpid());
  root.Put(path, "10 5 1 1 0 1 0\n");
  Reader reader(Metric::kProcessThreads, OfProcess(getpid()));
  CHECK_NEAR(reader.Level(Metric::kProcessThreads), 77, 0);
}

}  // namespace
}  // namespace tripline
