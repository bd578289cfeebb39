// Conversions between JavaScript's values and native ones; shared by addon.cc and addon_*.cc.
//
// Every Node-API status is checked: node-addon-api turns a failed one into a JavaScript exception and an empty value.
// While an environment ends (a worker that is terminated in the middle of a call), such an exception cannot be thrown
// and is dropped. Calls that build a result then build nothing; only code that holds a resource has to check for this.
#pragma once

#include <napi.h>

#include <memory>

#include "node/engine.h"
#include "node/region.h"
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
  explicit Instance(napi_env env) : env(env), environment(Notify, this) {}

  static void Notify(void* raw) {
    auto* self = static_cast<Instance*>(raw);
    if (self->deliver == nullptr) return;
    // napi_closing: the environment is ending and has given up the function; it must not be used again.
    if (self->deliver.NonBlockingCall() == napi_closing) self->deliver = Deliver();
  }

  // Ends all sampling for the environment. May be called again.
  void End();

  using Deliver = Napi::TypedThreadSafeFunction<void, void, CallDeliver>;

  const napi_env env;
  Environment environment;
  Engine* engine = nullptr;  // held from the first use on; see addon_engine.cc
  OwnCode own;               // the library's code in it
  bool watches_heap = false;
  Deliver deliver;  // guarded by the sampler's lock once the environment is in use
  // Weak, because test runners load the library into one vm context after another, and a function that is held would
  // keep its whole context alive until the process ends.
  Napi::FunctionReference listener;
  Napi::ObjectReference board;       // keeps the board's memory alive
  Napi::ObjectReference operations;  // the same for the table of operations
};

inline Environment* EnvironmentOf(const Napi::CallbackInfo& info) {
  return &info.Env().GetInstanceData<Instance>()->environment;
}

// ---- arguments -----------------------------------------------------------------------------------------------------

// Throws in JavaScript if a raw call has failed.
void Check(Napi::Env env, napi_status status);

// All of these take the position of the argument, so that each use is a single call.
double ToDouble(const Napi::CallbackInfo& info, size_t at);
uint32_t ToUint32(const Napi::CallbackInfo& info, size_t at);
// -1 for what is no such number: never the number of a descriptor.
int32_t ToInt32(const Napi::CallbackInfo& info, size_t at);
bool ToBool(const Napi::CallbackInfo& info, size_t at);
// Milliseconds; Infinity is kNever.
uint64_t ToDuration(const Napi::CallbackInfo& info, size_t at);
uint64_t ToNanoseconds(double milliseconds);

// A string. Raw, because node-addon-api returns a std::string, which nothing else here uses.
class TextArgument {
 public:
  using Reader = decltype(&napi_get_value_string_utf8);

  // `reader`: napi_get_value_string_latin1 for a string that holds one byte per character.
  TextArgument(const Napi::CallbackInfo& info, size_t at, Reader reader = napi_get_value_string_utf8);

  const char* get() const { return text_.get(); }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
  std::unique_ptr<char[]> text_;
};

// The memory of a typed array; empty, with an exception, unless `value` is one whose elements have `bytes` bytes. Raw,
// because node-addon-api asks for the type by a call of its own, which would double the cost of fetching a tick.
struct Memory {
  Memory(napi_env env, napi_value value, size_t bytes);

  void* start = nullptr;
  size_t size = 0;  // elements
};

template <typename T>
struct Numbers : private Memory {
  Numbers(const Napi::CallbackInfo& info, size_t at) : Memory(info.Env(), info[at], sizeof(T)) {}
  Numbers(napi_env env, napi_value value) : Memory(env, value, sizeof(T)) {}

  T* data() const { return static_cast<T*>(start); }
  using Memory::size;
};

// ---- results -------------------------------------------------------------------------------------------------------

double ToMillisecondsOrNever(uint64_t nanoseconds);

// The result of a call that may fail: the id, or true; or the reason as text.
Napi::Value IdOrReason(Napi::Env env, uint32_t id, const Failure& why);
Napi::Value TrueOrReason(Napi::Env env, bool succeeded, const Failure& why);

// An object of plain properties. The setters take native values as they are.
class ResultObject {
 public:
  explicit ResultObject(Napi::Env env) : object_(Napi::Object::New(env)) {}

  void Set(const char* name, Napi::Value value);
  void SetNumber(const char* name, double value);
  void SetCount(const char* name, uint64_t value);
  void SetTime(const char* name, uint64_t nanoseconds);
  void SetBool(const char* name, bool value);
  void SetText(const char* name, const char* value);

  operator Napi::Value() const { return object_; }

 private:
  Napi::Object object_;
};

template <typename T>
Napi::Array ToArray(Napi::Env env, const T* numbers, size_t count) {
  auto result = Napi::Array::New(env, count);
  for (uint32_t i = 0; i < count; i++) result.Set(i, Napi::Number::New(env, numbers[i]));
  return result;
}

// ---- the addon's functions -----------------------------------------------------------------------------------------

// Adds one function to the addon. One non-template function serves all of them: Napi::Function::New would repeat its
// code for each, 6 KB in all.
void Export(Napi::Object exports, const char* name, Napi::Value (*function)(const Napi::CallbackInfo&));
void Export(Napi::Object exports, const char* name, void (*function)(const Napi::CallbackInfo&));

// Add the functions of tickers and recorders, those of flight logs, those of commands under limits, and those of the
// watchdog.
void ExportSchedule(Napi::Object exports);
void ExportEngine(Napi::Object exports);
void ExportFlightLog(Napi::Object exports);
void ExportSpawn(Napi::Object exports);
void ExportWatchdog(Napi::Object exports);
// Adds what takes the stack of a blocked loop; takes it away from an environment that ends; the stack as an array.
void ExportStack(Napi::Object exports);
void ForgetStack(Instance* instance);
Napi::Value ToFrames(Napi::Env env, const StackCopy& stack);
// One hold of the reaction that a command's handle stands for, or of the watchdog for true; nullptr for undefined.
Reaction* ReactionOf(const Napi::Value& handle);

}  // namespace tripline
