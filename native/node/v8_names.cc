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

struct Found {
  Found() {
    auto** function = reinterpret_cast<void**>(&v8);
    for (const char* name = kNames; *name != '\0' && !why.failed(); name += std::strlen(name) + 1)
      *function++ = FindInHost(name, &why);
    Failure ignored;
    *function = FindInHost("_ZN2v88internal11Deoptimizer13DeoptimizeAllEPNS0_7IsolateE", &ignored);
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
