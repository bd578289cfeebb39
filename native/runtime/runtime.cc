// All of the C++ runtime library that a release binary needs. Linking it instead of the real one makes a binary ten
// times smaller and free of the compiler's version; what it leaves out is what the house rules leave out. Not part of
// a build from source.
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

// libc++'s headers leave the members of strings to the library.
template class std::basic_string<char>;

// The program is out of memory or has a defect: there are no exceptions that could say so.
void* operator new(std::size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

extern "C" void __cxa_pure_virtual() { std::abort(); }

// What libc++'s headers call instead of throwing, as for a string that is longer than memory.
void std::__libcpp_verbose_abort(const char*, ...) { std::abort(); }

// A function's static variable, made by the first thread that comes: byte 0 says that it is there, byte 1 that
// somebody is at it. Waiting spins, because what is made that way takes microseconds.
extern "C" int __cxa_guard_acquire(std::uint8_t* guard) {
  for (;;) {
    if (__atomic_load_n(guard, __ATOMIC_ACQUIRE) != 0) return 0;
    if (__atomic_exchange_n(guard + 1, std::uint8_t{1}, __ATOMIC_ACQUIRE) == 0) {
      if (__atomic_load_n(guard, __ATOMIC_ACQUIRE) == 0) return 1;
      __atomic_store_n(guard + 1, std::uint8_t{0}, __ATOMIC_RELEASE);
    }
  }
}
extern "C" void __cxa_guard_release(std::uint8_t* guard) {
  __atomic_store_n(guard, std::uint8_t{1}, __ATOMIC_RELEASE);
  __atomic_store_n(guard + 1, std::uint8_t{0}, __ATOMIC_RELEASE);
}
