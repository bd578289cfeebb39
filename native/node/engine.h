// The JavaScript engine of one thread, as other threads may use it. Every environment of the thread that needs it holds
// it. The last one that ends gives it up, and from then on no function of V8 is called on it: the isolate may be gone.
#pragma once

#include <node_api.h>

#include <cstdint>

#include "node/v8_names.h"
#include "port/platform.h"
#include "util/list.h"

namespace tripline {

class Engine {
 public:
  // What an interrupt does, in the order in which it is done.
  enum Errand : uint32_t { kSelfTest, kRegion, kStack, kErrands };
  // Runs within other JavaScript of the engine's thread. It must not run any, so it may call only functions of Node-API
  // that do not. Handles that it creates live until it returns.
  using Handler = void (*)(Engine*);

  // The engine of the calling thread, held by `env`, which may hold it already; nullptr with `why` where V8 cannot be
  // reached.
  static Engine* Hold(napi_env env, Failure* why);
  // `env` ends. Called on the engine's thread; `engine` may be nullptr.
  static void Release(Engine* engine, napi_env env);

  // Makes the thread call a handler soon: in the middle of its JavaScript, which may be a loop that never yields, or
  // when it next runs some. A handler that is still to be called serves this request too. Any thread may call this,
  // under any lock; false once the engine is given up.
  bool Interrupt(Errand errand);
  // Set before the first request.
  static void SetHandler(Errand errand, Handler handler);

  // On the engine's thread only, while it is held.
  Isolate* isolate() const { return isolate_; }
  const V8& v8() const { return *v8_; }
  // For functions of Node-API that need any environment of the thread.
  napi_env env() const { return holders_.front(); }

  // For the files that set the handlers; used on the engine's thread only, and kept for the next thread that has it.
  void* of[kErrands] = {};
  void* heap = nullptr;  // heap.h
  bool tested = false;   // self_test.h
  bool hurry = false;    // the heap is full (heap.h): regions that are to end must not wait for other threads

 private:
  static void OnInterrupt(Isolate* isolate, void* self);

  // Other threads use what follows under this lock. `isolate_` changes on its own thread only, so that reads it freely.
  Mutex lock_;
  Isolate* isolate_ = nullptr;
  uint32_t requested_ GUARDED_BY(lock_) = 0;

  const V8* v8_ = nullptr;
  List<napi_env> holders_;
};

}  // namespace tripline
