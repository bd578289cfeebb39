#include "own_group.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include "cgroup.h"
#include "posix/bare.h"

namespace tripline {

namespace {

// No controller is called that, so only version 2 can be meant.
constexpr char kNoController[] = "-";

// systemd lets others make groups only below what it has marked as theirs, and takes no notice of who root is.
bool IsDelegated(const char* path) {
  if (access("/run/systemd/system", F_OK) != 0 || geteuid() != 0) return true;
  char value[4];
  return syscall(SYS_getxattr, path, "trusted.delegate", value, sizeof(value)) > 0 ||
         syscall(SYS_getxattr, path, "user.delegate", value, sizeof(value)) > 0;
}

}  // namespace

bool OwnGroup::Make(const char* name) {
  Roots real;
  real.proc.Set("/proc");
  real.sys.Set("/sys");
  Buffer buffer;
  CgroupPlace place;
  place.Update(1, real, kNoController, &buffer);
  if (place.version() != 2 || !IsDelegated(place.path())) return false;
  bare::Line procs;
  procs.Add(place.path()).Add("/cgroup.procs");
  // Moving a process takes writing here too: the group that both have in common.
  if (access(procs.get(), W_OK) != 0) return false;
  bare::Line path;
  path.Add(place.path()).Add("/").Add(name);
  if (path.size() >= sizeof(path_) || mkdir(path.get(), 0755) != 0) return false;
  memcpy(path_, path.get(), path.size() + 1);
  return true;
}

bool OwnGroup::Enter() const {
  bare::Line path;
  path.Add(path_).Add("/cgroup.procs");
  return bare::WriteFile(path.get(), "0", 1);
}

bool OwnGroup::Kill() const {
  bare::Line path;
  path.Add(path_).Add("/cgroup.kill");
  return made() && bare::WriteFile(path.get(), "1", 1);
}

bool OwnGroup::Remove() {
  if (made() && rmdir(path_) != 0 && errno == EBUSY) return false;
  path_[0] = '\0';
  return true;
}

}  // namespace tripline
