// A command's own control group in the version 2 hierarchy, if this process may make one.
#include "port/command_group.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include "linux/cgroup.h"
#include "linux/parse/scan.h"
#include "posix/bare.h"

namespace tripline {

namespace {

// No controller has this name, so only version 2 can match.
constexpr char kNoController[] = "-";

// A group's name consists of this prefix, the process id of its maker, a number, and a random number, because makers in
// two sandboxes may have the same process id.
constexpr char kOwnPrefix[] = "tripline-";

constexpr uint32_t kDeepest = 8;

struct State {
  char path[256] = "";  // of the control group; empty if there is none
};

// Other managers may only make groups below one that systemd has marked as theirs. This holds for root, too.
bool IsDelegated(const char* path) {
  if (access("/run/systemd/system", F_OK) != 0 || geteuid() != 0) return true;
  char value[4];
  return syscall(SYS_getxattr, path, "trusted.delegate", value, sizeof(value)) > 0 ||
         syscall(SYS_getxattr, path, "user.delegate", value, sizeof(value)) > 0;
}

// Removes a group and its empty descendants, which its processes may have made (a tripline that was killed, for
// example). False if one of them is not empty. Makes system calls only.
bool RemoveTree(const char* path, uint32_t depth) {
  if (rmdir(path) == 0 || errno != EBUSY) return true;
  if (depth == 0) return false;
  DirectoryReader names(path);
  while (const char* name = names.Next()) {
    bare::Line below;
    below.Add(path).Add("/").Add(name);
    // A truncated path names another file. Most entries are files.
    if (!below.cut() && rmdir(below.get()) != 0 && errno == EBUSY) RemoveTree(below.get(), depth - 1);
  }
  return rmdir(path) == 0 || errno != EBUSY;
}

// Whether the kernel says that no process is in the group or below it.
bool IsEmpty(const char* group) {
  constexpr char kEmpty[] = "populated 0";
  char text[64];
  bare::Line path;
  path.Add(group).Add("/cgroup.events");
  const ssize_t size = bare::ReadFile(path.get(), text, sizeof(text));
  return !path.cut() && size > static_cast<ssize_t>(strlen(kEmpty)) && memcmp(text, kEmpty, strlen(kEmpty)) == 0;
}

// Removes groups that were left behind because their maker and their supervisor were killed at once. Done once per
// process. The process id in a name proves nothing: it may be another sandbox's, or reused. If a group is removed
// before its command has entered it, Enter() makes it again.
void RemoveOrphans(const char* place) {
  static bool done = false;
  if (__atomic_exchange_n(&done, true, __ATOMIC_RELAXED)) return;
  DirectoryReader names(place);
  while (const char* name = names.Next()) {
    Scanner scanner(name, strlen(name));
    uint64_t maker = 0;
    if (!scanner.Match(kOwnPrefix) || !scanner.Number(&maker)) continue;
    bare::Line path;
    path.Add(place).Add("/").Add(name);
    if (!path.cut() && IsEmpty(path.get())) RemoveTree(path.get(), kDeepest);
  }
}

// The group of this process, if it may make groups there.
[[gnu::noinline]] bool FindPlace(CgroupPlace* place) {
  Roots real;
  real.proc.Set("/proc");
  real.sys.Set("/sys");
  Buffer buffer;
  place->Update(1, real, kNoController, &buffer);
  // In a wrong place, the command would leave the group that limits it.
  if (place->version() != 2 || !place->proven() || !IsDelegated(place->path())) return false;
  bare::Line procs;
  procs.Add(place->path()).Add("/cgroup.procs");
  // Moving a process also requires write access here: to the closest common ancestor of both groups.
  if (access(procs.get(), W_OK) != 0) return false;
  RemoveOrphans(place->path());
  return true;
}

}  // namespace

CommandGroup::CommandGroup() { os_.Make<State>(); }

bool CommandGroup::Make(uint64_t number, const char* place) {
  CgroupPlace own;
  if (place[0] == '\0') {
    if (!FindPlace(&own)) return false;
    place = own.path();
  }
  uint64_t random = 0;
  syscall(SYS_getrandom, &random, sizeof(random), 0);
  bare::Line path;
  path.Add(place).Add("/").Add(kOwnPrefix).Add(static_cast<uint64_t>(getpid())).Add("-").Add(number);
  path.Add("-").Add(random);
  State& state = os_.As<State>();
  if (path.size() >= sizeof(state.path) || mkdir(path.get(), 0755) != 0) return false;
  memcpy(state.path, path.get(), path.size() + 1);
  return true;
}

bool CommandGroup::made() const { return path()[0] != '\0'; }

const char* CommandGroup::path() const { return os_.As<State>().path; }

bool CommandGroup::Enter() const {
  bare::Line procs;
  procs.Add(path()).Add("/cgroup.procs");
  for (int attempt = 0; attempt < 3; attempt++) {
    if (bare::WriteFile(procs.get(), "0", 1)) return true;
    // Another run may have removed it as a leftover.
    if (errno != ENOENT || mkdir(path(), 0755) != 0) return false;
  }
  return false;
}

bool CommandGroup::Kill() const {
  bare::Line kill;
  kill.Add(path()).Add("/cgroup.kill");
  return made() && bare::WriteFile(kill.get(), "1", 1);
}

bool CommandGroup::Remove() {
  if (made() && !RemoveTree(path(), kDeepest)) return false;
  os_.As<State>().path[0] = '\0';
  return true;
}

// A group allocates nothing in the process that made it, and the kernel keeps the list of its members.
void CommandGroup::Publish(int64_t) {}
void CommandGroup::Release() {}

}  // namespace tripline
