#include "port/file_lock.h"

#include <sys/file.h>

namespace tripline {

bool LockFile(int fd, bool shared) { return flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0; }

}  // namespace tripline
