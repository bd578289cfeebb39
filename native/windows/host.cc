// Functions of the program that has loaded this library.
#include "port/platform.h"
#include "port/probe.h"
#include "windows/win.h"

namespace tripline {

void* FindInHost(const char* name) {
  // Where Node is a library, the program itself exports nothing.
  for (const wchar_t* module : {L"libnode.dll", static_cast<const wchar_t*>(nullptr)}) {
    const HMODULE host = GetModuleHandleW(module);
    if (host == nullptr) continue;
    if (void* const found = reinterpret_cast<void*>(GetProcAddress(host, name))) return found;
  }
  return nullptr;
}

// Microsoft's compiler returns V8's handles in memory, and compiles them otherwise than this library's compiler does.
void* FindInHost(const char*, Failure* why) {
  why->Set("the functions of V8 that it needs cannot be called on Windows");
  return nullptr;
}

}  // namespace tripline
