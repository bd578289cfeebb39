// Locks and threads on POSIX systems.
#include <pthread.h>
#include <signal.h>

#include "port/os_process.h"
#include "port/platform.h"

namespace tripline {
namespace {

// Enough for the deepest probe, whose buffers are not on the stack. The default of 8 MB is only address space, but some
// containers limit that.
constexpr size_t kStackSize = 128 * 1024;
constexpr size_t kRoomyStackSize = 1024 * 1024;

struct State {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
};

struct ThreadStart {
  void (*body)(void*);
  void* argument;
  char name[16];
};

void* ThreadMain(void* raw) {
  const ThreadStart start = *static_cast<ThreadStart*>(raw);
  delete static_cast<ThreadStart*>(raw);
  NameThread(start.name);
  start.body(start.argument);
  return nullptr;
}

}  // namespace

Mutex::Mutex() { os_.Make<State>(); }
void Mutex::Lock() { pthread_mutex_lock(&os_.As<State>().mutex); }
void Mutex::Unlock() { pthread_mutex_unlock(&os_.As<State>().mutex); }

bool StartThread(void (*body)(void*), void* argument, const char* name, bool roomy) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, roomy ? kRoomyStackSize : kStackSize);

  auto* start = new ThreadStart{body, argument, {}};
  for (size_t i = 0; i + 1 < sizeof(start->name) && name[i] != '\0'; i++) start->name[i] = name[i];

  // A thread inherits the signal mask. Signals to the process must go to the host's threads and never to this one.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, ThreadMain, start);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) delete start;
  return error == 0;
}

}  // namespace tripline
