// Objects by number, in the order in which they were made. A number is never used again, so a number that JavaScript
// still holds after the object is gone cannot refer to another one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "util/list.h"

namespace tripline {

// `T` has a member `uint32_t id`.
template <typename T>
class Numbered {
 public:
  T* Add(std::unique_ptr<T> item) {
    item->id = ++last_;
    items_.push_back(std::move(item));
    return items_.back().get();
  }

  T* Get(uint32_t id) const {
    const auto found = Find(id);
    return found == items_.end() || (*found)->id != id ? nullptr : found->get();
  }

  void Remove(uint32_t id) {
    const auto found = Find(id);
    if (found != items_.end() && (*found)->id == id) items_.erase(found);
  }

  // The same, but passes it on; it must be there.
  std::unique_ptr<T> Take(uint32_t id) {
    const auto found = Find(id);
    std::unique_ptr<T> item = std::move(*found);
    items_.erase(found);
    return item;
  }

  bool empty() const { return items_.empty(); }
  size_t size() const { return items_.size(); }
  T* operator[](size_t place) const { return items_[place].get(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

 private:
  auto Find(uint32_t id) const {
    return std::lower_bound(items_.begin(), items_.end(), id,
                            [](const std::unique_ptr<T>& item, uint32_t wanted) { return item->id < wanted; });
  }

  List<std::unique_ptr<T>> items_;
  uint32_t last_ = 0;
};

}  // namespace tripline
