// breed COUNT: forks children that fork in turn, up to COUNT processes in all. They ignore TERM and sleep for a minute.
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  int most = atoi(argv[1]);
  if (most < 1 || most > 1000) return 2;
  int* born = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  while (__sync_add_and_fetch(born, 1) <= most) {
    pid_t child = fork();
    if (child < 0) usleep(1000);
    if (child == 0) setsid();
  }
  sleep(60);
  return 0;
}
