// The part of macOS's <sys/sysctl.h> that native/darwin/ uses; stand_in.cc implements it.
#pragma once
#include <cstddef>

constexpr int CTL_KERN = 1;
constexpr int KERN_PROCARGS2 = 49;

extern "C" {
int sysctl(int* name, unsigned length, void* into, size_t* size, void* from, size_t from_size);
int sysctlbyname(const char* name, void* into, size_t* size, void* from, size_t from_size);
}
