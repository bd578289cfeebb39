// spin SECONDS: keeps one CPU busy.
#include <stdlib.h>
#include <time.h>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  time_t end = time(NULL) + atoi(argv[1]);
  volatile long count = 0;
  while (time(NULL) < end)
    for (int i = 0; i < 1000000; i++) count = count + 1;
  return 0;
}
