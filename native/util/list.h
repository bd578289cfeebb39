// A growing array. std::vector instantiates its code for each element type, which took up a twentieth of a release
// binary; here all element types share one untyped base.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

// Tests end where an index is out of bounds; other builds have no room for the check.
#ifdef TRIPLINE_CHECK_BOUNDS
#include <cstdlib>
#define WITHIN_BOUNDS(holds) ((holds) ? static_cast<void>(0) : std::abort())
#else
#define WITHIN_BOUNDS(holds) static_cast<void>(0)
#endif

namespace tripline {

// The part that does not depend on the element type. Ends the process when memory runs out, as all of this library
// does.
class RawList {
 protected:
  RawList() = default;
  RawList(const RawList&) = delete;
  RawList& operator=(const RawList&) = delete;
  ~RawList();

  void Reserve(size_t count, size_t element);
  // Returns where one more element goes.
  void* Extend(size_t element);
  void CloseGap(size_t at, size_t count, size_t element);

  void* data_ = nullptr;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

// Method names follow std::vector. Elements are moved by copying their bytes, so `T` must allow that: a pointer, a
// smart pointer or a plain structure of those.
template <typename T>
class List : private RawList {
 public:
  List() = default;
  explicit List(size_t count) {
    Reserve(count, sizeof(T));
    while (size_ < count) push_back(T());
  }
  List(List&& other) noexcept { swap(other); }
  List& operator=(List&& other) noexcept {
    swap(other);
    return *this;
  }
  ~List() { clear(); }

  T* begin() const { return static_cast<T*>(data_); }
  T* end() const { return begin() + size_; }
  T* data() const { return begin(); }
  T& operator[](size_t at) const {
    WITHIN_BOUNDS(at < size_);
    return begin()[at];
  }
  T& front() const { return (*this)[0]; }
  T& back() const {
    WITHIN_BOUNDS(size_ > 0);
    return end()[-1];
  }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  void push_back(T item) { new (Extend(sizeof(T))) T(std::move(item)); }
  void pop_back() { back().~T(), size_--; }
  void erase(T* at) { erase(at, at + 1); }
  void erase(T* from, T* to) {
    for (T* each = from; each != to; each++) each->~T();
    CloseGap(static_cast<size_t>(from - begin()), static_cast<size_t>(to - from), sizeof(T));
  }
  // Keeps the memory.
  void clear() {
    for (T& each : *this) each.~T();
    size_ = 0;
  }
  void swap(List& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }
};

// Removes an item without keeping the order; does nothing if the item is not in the list.
template <typename T>
void EraseUnordered(List<T>* items, const T& item) {
  for (T& each : *items) {
    if (each != item) continue;
    each = std::move(items->back());
    return items->pop_back();
  }
}

// The same for a list that owns its items: the removed item is destroyed.
template <typename T>
void EraseOwned(List<std::unique_ptr<T>>* items, const T* item) {
  for (auto& each : *items) {
    if (each.get() != item) continue;
    each.swap(items->back());
    return items->pop_back();
  }
}

}  // namespace tripline
