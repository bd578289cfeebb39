// Storage in an object of the port for the state of an OS folder. The type of that state is private to the folder, so
// an object has one layout on every system and common code includes no system header.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>

namespace tripline {

template <size_t kSize>
class OsState {
 public:
  // Constructs a `T` in place. Called once, by the constructor of the object; As() is valid from then on.
  template <typename T>
  T& Make() {
    // Nothing calls the destructor of a `T`, so it must not need one.
    static_assert(std::is_trivially_destructible_v<T>, "nothing destroys it");
    static_assert(sizeof(T) <= kSize && alignof(T) <= kAlignment, "the port gives it too little room");
    return *new (bytes_) T();
  }
  template <typename T>
  T& As() {
    return *std::launder(reinterpret_cast<T*>(bytes_));
  }
  template <typename T>
  const T& As() const {
    return *std::launder(reinterpret_cast<const T*>(bytes_));
  }

 private:
  static constexpr size_t kAlignment = 8;

  alignas(kAlignment) unsigned char bytes_[kSize];
};

}  // namespace tripline
