// The relay's thread, and how it is interrupted in a blocking call.
#include "windows/relay.h"

#include <initializer_list>

#include "port/platform.h"

namespace tripline {

// How often to try to interrupt a blocking call, and how long to wait after each attempt, in milliseconds.
constexpr uint32_t kStopRounds = 20;
constexpr DWORD kStopWait = 10;

// Shared by the relay and its thread, which may be stuck in a write long after the relay is gone.
struct Relay::Pipe {
  HANDLE from = nullptr, to = nullptr, port = nullptr;
  ULONG_PTR key = 0;
  HANDLE thread = nullptr;
  uint64_t written_at = 0;
  bool done = false;
  bool stop = false;
  uint32_t holders = 1;

  void LetGo() {
    if (__atomic_sub_fetch(&holders, 1, __ATOMIC_ACQ_REL) != 0) return;
    for (const HANDLE each : {from, to, port, thread}) {
      if (each != nullptr) CloseHandle(each);
    }
    delete this;
  }

  void Pass() {
    char held[4096];
    DWORD got = 0;
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE) && ReadFile(from, held, sizeof(held), &got, nullptr)) {
      __atomic_store_n(&written_at, MonotonicNow(), __ATOMIC_RELEASE);
      DWORD put = 0;
      for (DWORD at = 0; at < got; at += put) {
        if (__atomic_load_n(&stop, __ATOMIC_ACQUIRE) || !WriteFile(to, held + at, got - at, &put, nullptr)) return;
      }
      __atomic_store_n(&written_at, MonotonicNow(), __ATOMIC_RELEASE);
    }
  }

  static DWORD WINAPI Main(void* raw) {
    auto* pipe = static_cast<Pipe*>(raw);
    pipe->Pass();
    // The reader is gone: close the pipe, so that the command's writes fail.
    CloseHandle(pipe->from);
    CloseHandle(pipe->to);
    pipe->from = pipe->to = nullptr;
    __atomic_store_n(&pipe->done, true, __ATOMIC_RELEASE);
    PostQueuedCompletionStatus(pipe->port, 0, pipe->key, nullptr);
    pipe->LetGo();
    return 0;
  }
};

bool Relay::Open(HANDLE target, HANDLE port, ULONG_PTR key, HANDLE* input, Failure* why) {
  pipe_ = new Pipe();
  pipe_->to = target;
  pipe_->key = key;
  const HANDLE self = GetCurrentProcess();
  // The thread gets its own handle to the port, because it may outlive the command.
  if (CreatePipe(&pipe_->from, input, nullptr, 0) &&
      SetHandleInformation(*input, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) &&
      DuplicateHandle(self, port, self, &pipe_->port, 0, FALSE, DUPLICATE_SAME_ACCESS)) {
    return true;
  }
  SetWinError("CreatePipe", "", GetLastError(), "", why);
  return false;
}

bool Relay::Start() {
  if (pipe_ == nullptr) return true;
  constexpr SIZE_T kStack = 64 * 1024;
  pipe_->holders = 2;
  pipe_->thread = CreateThread(nullptr, kStack, Pipe::Main, pipe_, STACK_SIZE_PARAM_IS_A_RESERVATION, nullptr);
  if (pipe_->thread == nullptr) pipe_->holders = 1;
  return pipe_->thread != nullptr;
}

void Relay::Stop() {
  if (pipe_ == nullptr) return;
  __atomic_store_n(&pipe_->stop, true, __ATOMIC_RELEASE);
  // Repeated, because the thread may not have entered the call yet.
  for (uint32_t i = 0; pipe_->thread != nullptr && i < kStopRounds; i++) {
    CancelSynchronousIo(pipe_->thread);
    if (WaitForSingleObject(pipe_->thread, kStopWait) == WAIT_OBJECT_0) break;
  }
  pipe_->LetGo();
  pipe_ = nullptr;
}

bool Relay::open() const { return pipe_ != nullptr && !__atomic_load_n(&pipe_->done, __ATOMIC_ACQUIRE); }

uint64_t Relay::written_at() const {
  return pipe_ == nullptr ? 0 : __atomic_load_n(&pipe_->written_at, __ATOMIC_ACQUIRE);
}

}  // namespace tripline
