// The functions of V8 that the host exports, found by their mangled names at run time. V8 promises neither the names
// nor the ABI, so nothing is called unless every name resolves and self_test.cc has seen the functions behave.
#pragma once

#include <cstddef>
#include <cstdint>

#include "port/probe.h"

namespace tripline {

// Names of V8's types. A v8::Local is passed and returned as the one pointer that it consists of.
struct Isolate;
struct StackTrace;
struct StackFrame;
struct Name;   // a v8::String, which is a napi_value as well
struct Value;  // a v8::Value, likewise
struct Context;

// v8::Location
struct Location {
  int line;  // counted from 0
  int column;
};

using InterruptCallback = void (*)(Isolate*, void* data);
// Returns the new limit of the heap in bytes.
using HeapLimitCallback = size_t (*)(void* data, size_t current, size_t initial);

struct V8 {
  // v8::Isolate. The first three may be called on any thread, while the isolate lives.
  void (*RequestInterrupt)(Isolate*, InterruptCallback, void* data);
  void (*TerminateExecution)(Isolate*);
  bool (*IsExecutionTerminating)(Isolate*);
  Isolate* (*TryGetCurrent)();
  void (*CancelTerminateExecution)(Isolate*);
  void (*AddNearHeapLimitCallback)(Isolate*, HeapLimitCallback, void* data);
  void (*RemoveNearHeapLimitCallback)(Isolate*, HeapLimitCallback, size_t limit);
  void (*AutomaticallyRestoreInitialHeapLimit)(Isolate*, double threshold);
  // v8::StackTrace and v8::StackFrame. They run no JavaScript.
  StackTrace* (*CurrentStackTrace)(Isolate*, int limit, int options);
  int (*GetFrameCount)(StackTrace*);
  StackFrame* (*GetFrame)(StackTrace*, Isolate*, uint32_t index);
  int (*GetScriptId)(StackFrame*);
  Name* (*GetScriptName)(StackFrame*);
  Name* (*GetFunctionName)(StackFrame*);
  Location (*GetLocation)(StackFrame*);
  // The rest is optional. Collects garbage at once if `level` is critical; called on the isolate's thread.
  void (*MemoryPressureNotification)(Isolate*, int level);
  // v8::internal::Deoptimizer: no function runs optimized code any more, not even those that are
  // on the stack. nullptr where V8's internal names are hidden (Node 24 and later).
  void (*DeoptimizeAll)(Isolate*);
  // node::async_context_frame: where AsyncLocalStorage keeps its values (Node 22 and later).
  Value* (*CurrentFrame)(Isolate*);
  void (*SetFrame)(Isolate*, Value*);
  // node::AsyncWrap: the function by which Node's JavaScript takes the topmost id off its stack of async ids.
  void (*PopAsyncContext)(const void* info);
  Context* (*GetCurrentContext)(Isolate*);
  // v8::Function::New
  Value* (*NewFunction)(Context*, void (*)(const void* info), Value* data, int length, int constructor, int effect);

  // All functions; nullptr with `why` if the host lacks one that is not optional. Looked up once.
  static const V8* Find(Failure* why);
};

}  // namespace tripline
