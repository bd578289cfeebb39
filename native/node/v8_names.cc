#include "node/v8_names.h"

#include <cstring>

#include "port/platform.h"

namespace tripline {
namespace {

// size_t is an unsigned int on 32-bit systems.
#if SIZE_MAX == UINT32_MAX
#define SIZE "j"
#else
#define SIZE "m"
#endif

// In the order of the members of V8. The Itanium ABI's mangling, which all systems but Windows have.
constexpr char kNames[] =
    "_ZN2v87Isolate16RequestInterruptEPFvPS0_PvES2_\0"
    "_ZN2v87Isolate18TerminateExecutionEv\0"
    "_ZN2v87Isolate22IsExecutionTerminatingEv\0"
    "_ZN2v87Isolate13TryGetCurrentEv\0"
    "_ZN2v87Isolate24CancelTerminateExecutionEv\0"
    "_ZN2v87Isolate24AddNearHeapLimitCallbackEPF" SIZE "Pv" SIZE SIZE
    "ES1_\0"
    "_ZN2v87Isolate27RemoveNearHeapLimitCallbackEPF" SIZE "Pv" SIZE SIZE "E" SIZE
    "\0"
    "_ZN2v87Isolate36AutomaticallyRestoreInitialHeapLimitEd\0"
    "_ZN2v810StackTrace17CurrentStackTraceEPNS_7IsolateEiNS0_17StackTraceOptionsE\0"
    "_ZNK2v810StackTrace13GetFrameCountEv\0"
    "_ZNK2v810StackTrace8GetFrameEPNS_7IsolateEj\0"
    "_ZNK2v810StackFrame11GetScriptIdEv\0"
    "_ZNK2v810StackFrame13GetScriptNameEv\0"
    "_ZNK2v810StackFrame15GetFunctionNameEv\0"
    "_ZNK2v810StackFrame11GetLocationEv\0";

#define CALLBACK "NS_20FunctionCallbackInfoINS_5ValueEEE"
#define NEW_FUNCTION "_ZN2v88Function3NewENS_5LocalINS_7ContextEEEPFvRK" CALLBACK
#define NEW_FUNCTION_END "EEiNS_19ConstructorBehaviorENS_14SideEffectTypeE"

// Those that are optional, in the same order. The last one has two names: V8 of Node 26 takes any v8::Data.
constexpr char kOptional[] =
    "_ZN2v88internal11Deoptimizer13DeoptimizeAllEPNS0_7IsolateE\0"
    "_ZN4node19async_context_frame7currentEPN2v87IsolateE\0"
    "_ZN4node19async_context_frame3setEPN2v87IsolateENS1_5LocalINS1_5ValueEEE\0"
    "_ZN4node9AsyncWrap15PopAsyncContextERKN2v820FunctionCallbackInfoINS1_5ValueEEE\0"
    "_ZN2v87Isolate17GetCurrentContextEv\0" NEW_FUNCTION "ENS1_IS5_" NEW_FUNCTION_END "\0";
constexpr char kNewFunction26[] = NEW_FUNCTION "ENS1_INS_4DataE" NEW_FUNCTION_END;

struct Found {
  Found() {
    auto** function = reinterpret_cast<void**>(&v8);
    for (const char* name = kNames; *name != '\0' && !why.failed(); name += std::strlen(name) + 1)
      *function++ = FindInHost(name, &why);
    Failure ignored;
    for (const char* name = kOptional; *name != '\0'; name += std::strlen(name) + 1)
      *function++ = FindInHost(name, &ignored);
    if (v8.NewFunction == nullptr) *--function = FindInHost(kNewFunction26, &ignored);
  }

  V8 v8;
  Failure why;
};

}  // namespace

const V8* V8::Find(Failure* why) {
  static const Found found;
  *why = found.why;
  return found.why.failed() ? nullptr : &found.v8;
}

}  // namespace tripline
