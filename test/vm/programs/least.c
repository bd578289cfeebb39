// least: answers each line on stdin with the least MemAvailable since the last one, what it is now, and MemTotal, in kB. Its
// own pages are locked, so that it also sees what happens while the machine reads code from the disk again and again.
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char text[512];

static long field(const char* name) {
  const char* at = strstr(text, name);
  return at == NULL ? -1 : atol(at + strlen(name));
}

int main(void) {
  int file = open("/proc/meminfo", O_RDONLY);
  if (file == -1 || mlockall(MCL_CURRENT | MCL_FUTURE) != 0) return 1;
  struct pollfd input = {0, POLLIN, 0};
  for (long least = -1;;) {
    int ready = poll(&input, 1, 10);
    ssize_t size = pread(file, text, sizeof text - 1, 0);
    if (size <= 0) return 1;
    text[size] = 0;
    long now = field("MemAvailable:");
    if (least == -1 || now < least) least = now;
    if (ready == 0) continue;
    char line[16];
    if (read(0, line, sizeof line) <= 0) return 0;
    printf("%ld %ld %ld\n", least, now, field("MemTotal:"));
    fflush(stdout);
    least = now;
  }
}
