// Opens and duplicates descriptors in processes that may only make system calls.
#include "posix/bare.h"

namespace tripline {
namespace bare {

int Duplicate(int fd) { return fcntl(fd < 0 ? 0 : fd, F_DUPFD_CLOEXEC, kFirstFree); }

bool OpenPipe(int* ends) {
  int made[2];
  if (pipe(made) != 0) return false;
  for (int i = 0; i < 2; i++) {
    ends[i] = Duplicate(made[i]);
    close(made[i]);
  }
  return ends[0] >= 0 && ends[1] >= 0;
}

}  // namespace bare
}  // namespace tripline
