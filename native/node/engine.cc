#include "node/engine.h"

#include <algorithm>
#include <atomic>

namespace tripline {
namespace {

// All that were ever made. They are reused and never destroyed: an interrupt of an engine that was given up may still
// arrive.
struct All {
  Mutex lock;
  List<Engine*> engines;
};

All& GetAll() {
  static All* const all = new All;
  return *all;
}

// Set by every thread that uses them, to the same value.
std::atomic<Engine::Handler> handlers[Engine::kErrands];

}  // namespace

void Engine::SetHandler(Errand errand, Handler handler) { handlers[errand].store(handler); }

Engine* Engine::Hold(napi_env env, Failure* why) {
  const V8* v8 = V8::Find(why);
  if (v8 == nullptr) return nullptr;
  Isolate* isolate = v8->TryGetCurrent();
  if (isolate == nullptr) {
    why->Set("v8::Isolate::TryGetCurrent() has none");
    return nullptr;
  }
  All& all = GetAll();
  MutexLock lock(&all.lock);
  Engine* free = nullptr;
  for (Engine* each : all.engines) {
    if (each->isolate_ == isolate) {
      if (std::find(each->holders_.begin(), each->holders_.end(), env) == each->holders_.end())
        each->holders_.push_back(env);
      return each;
    }
    if (each->isolate_ == nullptr) free = each;
  }
  if (free == nullptr) {
    free = new Engine;
    all.engines.push_back(free);
  }
  free->v8_ = v8;
  free->holders_.push_back(env);
  MutexLock own(&free->lock_);
  free->requested_ = 0;
  free->isolate_ = isolate;
  return free;
}

void Engine::Release(Engine* engine, napi_env env) {
  if (engine == nullptr) return;
  MutexLock lock(&GetAll().lock);
  EraseUnordered(&engine->holders_, env);
  if (!engine->holders_.empty()) return;
  engine->tested = engine->hurry = false;
  MutexLock own(&engine->lock_);
  engine->isolate_ = nullptr;
}

bool Engine::Interrupt(Errand errand) {
  MutexLock lock(&lock_);
  if (isolate_ == nullptr) return false;
  // V8 calls a callback once per request.
  if (requested_ == 0) v8_->RequestInterrupt(isolate_, OnInterrupt, this);
  requested_ |= 1u << errand;
  return true;
}

void Engine::OnInterrupt(Isolate* isolate, void* self) {
  auto* engine = static_cast<Engine*>(self);
  engine->lock_.Lock();
  // Otherwise it was requested of an engine that has been given up, and perhaps taken for another thread.
  const uint32_t requested = engine->isolate_ == isolate ? engine->requested_ : 0;
  if (requested != 0) engine->requested_ = 0;
  engine->lock_.Unlock();
  for (uint32_t errand = 0; errand < kErrands; errand++) {
    if ((requested & (1u << errand)) == 0) continue;
    const Handler handler = handlers[errand].load();
    if (handler != nullptr) handler(engine);
  }
}

}  // namespace tripline
