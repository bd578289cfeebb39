#include "node/v8_names.h"

#include <cstdio>
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

// In the order of the members of V8. The Itanium ABI's mangling, which all systems but Windows have. Names that begin
// with a digit or a letter lack one of these beginnings.
constexpr char kOfIsolate[] = "_ZN2v87Isolate";
constexpr char kOfStack[] = "_ZNK2v810Stack";
constexpr char kNames[] =
    "16RequestInterruptEPFvPS0_PvES2_\0"
    "18TerminateExecutionEv\0"
    "22IsExecutionTerminatingEv\0"
    "13TryGetCurrentEv\0"
    "24CancelTerminateExecutionEv\0"
    "24AddNearHeapLimitCallbackEPF" SIZE "Pv" SIZE SIZE
    "ES1_\0"
    "27RemoveNearHeapLimitCallbackEPF" SIZE "Pv" SIZE SIZE "E" SIZE
    "\0"
    "36AutomaticallyRestoreInitialHeapLimitEd\0"
    "_ZN2v810StackTrace17CurrentStackTraceEPNS_7IsolateEiNS0_17StackTraceOptionsE\0"
    "Trace13GetFrameCountEv\0"
    "Trace8GetFrameEPNS_7IsolateEj\0"
    "Frame11GetScriptIdEv\0"
    "Frame13GetScriptNameEv\0"
    "Frame15GetFunctionNameEv\0"
    "Frame11GetLocationEv\0";

// Those that are optional, in the same order.
constexpr char kOptional[] =
    "26MemoryPressureNotificationENS_19MemoryPressureLevelE\0"
    "_ZN2v88internal11Deoptimizer13DeoptimizeAllEPNS0_7IsolateE\0"
    "_ZN4node19async_context_frame7currentEPN2v87IsolateE\0"
    "_ZN4node19async_context_frame3setEPN2v87IsolateENS1_5LocalINS1_5ValueEEE\0"
    "_ZN4node9AsyncWrap15PopAsyncContextERKN2v820FunctionCallbackInfoINS1_5ValueEEE\0"
    "17GetCurrentContextEv\0";

// The last one has two names: V8 of Node 26 takes any v8::Data.
constexpr char kNew[] = "_ZN2v88Function3NewENS_5LocalINS_7ContextEEEPFvRKNS_20FunctionCallbackInfoINS_5ValueEEEENS1_I";
constexpr char kNewOfValue[] = "S5_";
constexpr char kNewOfData[] = "NS_4DataE";
constexpr char kNewEnd[] = "EEiNS_19ConstructorBehaviorENS_14SideEffectTypeE";

void* Find(const char* before, const char* name, const char* after, Failure* why) {
  char text[160];
  std::snprintf(text, sizeof(text), "%s%s%s", before, name, after);
  return FindInHost(text, why);
}

void* Find(const char* name, Failure* why) {
  return Find(*name == '_' ? "" : *name <= '9' ? kOfIsolate : kOfStack, name, "", why);
}

struct Found {
  Found() {
    auto** function = reinterpret_cast<void**>(&v8);
    for (const char* name = kNames; *name != '\0' && !why.failed(); name += std::strlen(name) + 1)
      *function++ = Find(name, &why);
    Failure ignored;
    for (const char* name = kOptional; *name != '\0'; name += std::strlen(name) + 1) *function++ = Find(name, &ignored);
    *function = Find(kNew, kNewOfValue, kNewEnd, &ignored);
    if (*function == nullptr) *function = Find(kNew, kNewOfData, kNewEnd, &ignored);
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
