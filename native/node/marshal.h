// Between JavaScript's values and ours; shared by addon.cc and addon_*.cc.
//
// Every Node-API status is checked: node-addon-api turns a failed one into a JavaScript exception and an empty
// value. While an environment ends (a worker that is terminated in the middle of a call) such an exception cannot be
// thrown and is dropped; calls that build a result then build nothing, and only what holds a resource has to notice.
#pragma once

#include <napi.h>

#include <cmath>
#include <limits>
#include <string>

#include "port/platform.h"
#include "port/probe.h"
#include "sampler/environment.h"

namespace tripline {

// ---- the environment -----------------------------------------------------------------------------------------------

// Calls a listener from a thread-safe function.
void CallListener(Napi::Env env, Napi::Function listener, const std::initializer_list<napi_value>& arguments);

void CallDeliver(Napi::Env env, Napi::Function, void* context, void* data);

// What one JavaScript environment owns. Lives until the environment's finalizers run.
struct Instance {
  Instance() : environment(Notify, this) {}

  static void Notify(void* raw) {
    auto* self = static_cast<Instance*>(raw);
    if (self->deliver == nullptr) return;
    // napi_closing: the environment is ending and has given up the function; it must not be used again.
    if (self->deliver.NonBlockingCall() == napi_closing) self->deliver = Deliver();
  }

  // Nothing is sampled for it any more. May be called again.
  void End();

  using Deliver = Napi::TypedThreadSafeFunction<void, void, CallDeliver>;

  Environment environment;
  Deliver deliver;  // guarded by the sampler's lock once the environment is in use
  // Weak, as test runners load the library into one vm context after the other: a function that is held would hold all
  // of its context for as long as the process lives.
  Napi::FunctionReference listener;
  Napi::ObjectReference board;  // keeps the board's memory alive
};

inline Environment* EnvironmentOf(const Napi::CallbackInfo& info) {
  return &info.Env().GetInstanceData<Instance>()->environment;
}

// ---- arguments -----------------------------------------------------------------------------------------------------

inline double ToDouble(Napi::Value value) { return value.As<Napi::Number>().DoubleValue(); }
inline uint32_t ToUint32(Napi::Value value) { return value.As<Napi::Number>().Uint32Value(); }
inline int32_t ToInt32(Napi::Value value) { return value.As<Napi::Number>().Int32Value(); }
inline bool ToBool(Napi::Value value) { return value.As<Napi::Boolean>().Value(); }
inline std::string ToText(Napi::Value value) { return value.As<Napi::String>().Utf8Value(); }

// The bytes of a string that holds one byte per character.
std::string ToBytes(Napi::Value value);

// Milliseconds; Infinity is kNever.
inline uint64_t ToNanoseconds(double milliseconds) {
  if (std::isinf(milliseconds)) return kNever;
  // Anything beyond 30 years is cut off there, which leaves room to add it to the clock of any machine.
  return milliseconds < 1e12 ? static_cast<uint64_t>(milliseconds * 1e6 + 0.5) : kNever / 16;
}
inline uint64_t ToDuration(Napi::Value value) { return ToNanoseconds(ToDouble(value)); }

// What a typed array of `T` holds; nothing where it is not one. Raw, because node-addon-api asks for the type of the
// array as well, which would double the cost of fetching a tick.
template <typename T>
struct Numbers {
  explicit Numbers(Napi::Value array) {
    void* start = nullptr;
    const napi_status status = napi_get_typedarray_info(array.Env(), array, nullptr, &size, &start, nullptr, nullptr);
    NAPI_THROW_IF_FAILED_VOID(array.Env(), status);
    data = static_cast<T*>(start);
  }

  T* data = nullptr;
  size_t size = 0;
};

// ---- results -------------------------------------------------------------------------------------------------------

inline double ToMillisecondsOrNever(uint64_t nanoseconds) {
  return nanoseconds == kNever ? std::numeric_limits<double>::infinity() : ToMilliseconds(nanoseconds);
}

// The result of a call that may fail: `value`, or the reason as text.
template <typename T>
Napi::Value Result(Napi::Env env, bool succeeded, T value, const Failure& why) {
  if (succeeded) return Napi::Value::From(env, value);
  return Napi::String::New(env, why.failed() ? why.text : "unknown failure");
}

template <typename T>
Napi::Array ToArray(Napi::Env env, const T* numbers, size_t count) {
  auto result = Napi::Array::New(env, count);
  for (uint32_t i = 0; i < count; i++) result.Set(i, numbers[i]);
  return result;
}

// ---- the addon's functions -----------------------------------------------------------------------------------------

// Adds one to the addon. Of one kind for all: Napi::Function::New would repeat its code for each, 6 KB in all.
void Export(Napi::Object exports, const char* name, Napi::Value (*function)(const Napi::CallbackInfo&));
void Export(Napi::Object exports, const char* name, void (*function)(const Napi::CallbackInfo&));

// Adds those of tickers and recorders, and of commands under limits.
void ExportSchedule(Napi::Object exports);
void ExportSpawn(Napi::Object exports);

}  // namespace tripline
