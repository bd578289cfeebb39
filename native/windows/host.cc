// Functions of the program that has loaded this library.
#include "port/platform.h"
#include "port/probe.h"

namespace tripline {

// Microsoft's compiler returns V8's handles in memory, and compiles them otherwise than this library's compiler does.
void* FindInHost(const char*, Failure* why) {
  why->Set("the functions of V8 that it needs cannot be called on Windows");
  return nullptr;
}

}  // namespace tripline
