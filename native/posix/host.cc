// Finds functions of the program that has loaded this library.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>

#include <cstdio>

#include "port/platform.h"
#include "port/probe.h"

namespace tripline {

void* FindInHost(const char* name) { return dlsym(RTLD_DEFAULT, name); }

void* FindInHost(const char* name, Failure* why) {
  void* found = FindInHost(name);
  if (found == nullptr) std::snprintf(why->text, sizeof(why->text), "this runtime does not export %s", name);
  return found;
}

}  // namespace tripline
