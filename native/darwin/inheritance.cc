// Closes inherited descriptors on macOS.
#include "port/inheritance.h"

#include <libproc.h>
#include <sys/proc_info.h>
#include <unistd.h>

namespace tripline {

void CloseAllBut(int* kept, uint32_t count) {
  struct proc_fdinfo open[128];
  const pid_t own = getpid();
  // Lists as many descriptors at a time as fit, until only those to keep are left.
  for (bool closed = true; closed;) {
    closed = false;
    const int size = proc_pidinfo(own, PROC_PIDLISTFDS, 0, open, sizeof(open));
    for (int i = 0; i < size / static_cast<int>(sizeof(open[0])); i++) {
      bool stays = false;
      for (uint32_t k = 0; k < count; k++) stays = stays || kept[k] == open[i].proc_fd;
      if (!stays && close(open[i].proc_fd) == 0) closed = true;
    }
  }
}

// Does nothing: memory that could be released cannot be distinguished from memory that system libraries still need.
void DropMemory() {}

}  // namespace tripline
