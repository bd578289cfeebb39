// leaderless MB SECONDS: its main thread ends, while another holds memory and keeps a CPU busy.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static size_t size;
static int seconds;

static void* work(void* none) {
  char* memory = malloc(size);
  if (memory == NULL) exit(1);
  memset(memory, 1, size);
  puts("full");
  fflush(stdout);
  time_t end = time(NULL) + seconds;
  volatile long count = 0;
  while (time(NULL) < end)
    for (int i = 0; i < 1000000; i++) count = count + 1;
  exit(memory[0] == 1 ? 0 : 1);
  return none;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  size = (size_t)atol(argv[1]) * 1000000;
  seconds = atoi(argv[2]);
  pthread_t thread;
  pthread_create(&thread, NULL, work, NULL);
  pthread_exit(NULL);
}
