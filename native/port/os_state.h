// Room in an object of the port for what an OS folder keeps in it. The type is the folder's own and no header names it,
// so that an object has one layout on every system and common code includes nothing of any.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>

namespace tripline {

template <size_t kSize>
class OsState {
 public:
  // Begins the life of a `T`. Called once, by the constructor of the object; As() is valid from then on.
  template <typename T>
  T& Make() {
    // Its object's destructor runs in no order that matters, or not at all where process.exit() ends the process.
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
