// The parts of the C++ runtime library that a release binary needs. Linking this instead of the real one makes a binary
// ten times smaller and independent of the compiler's version. The rules of native/ forbid what it lacks. Not part of a
// build from source.
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

// libc++'s headers leave the members of strings to the library.
template class std::basic_string<char>;

// Without exceptions nothing can report that memory is exhausted.
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

// Called by libc++'s headers where they would otherwise throw, for example for a string that is too long.
void std::__libcpp_verbose_abort(const char*, ...) { std::abort(); }

// Guards a function's static variable, which the first thread to reach it initializes. Byte 0 means initialized, byte 1
// means in progress. Waiting spins, because each initialization takes microseconds.
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
