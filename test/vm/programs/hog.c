// hog MB_PER_SECOND MB SECONDS: allocates anonymous memory at that rate (0: as fast as possible) and then holds it.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  double rate = atof(argv[1]) * 1e6;
  size_t size = (size_t)atol(argv[2]) * 1000000, page = (size_t)sysconf(_SC_PAGESIZE);
  char* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return 1;
  madvise(memory, size, MADV_NOHUGEPAGE);
  double start = now();
  for (size_t at = 0; at < size; at += page) {
    memory[at] = 1;
    if (rate > 0 && at % (64 * page) == 0) {
      double early = start + at / rate - now();
      if (early > 0) usleep((useconds_t)(early * 1e6));
    }
  }
  puts("full");
  fflush(stdout);
  sleep((unsigned)atoi(argv[3]));
  return 0;
}
