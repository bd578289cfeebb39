// Objects under the numbers that JavaScript uses for them; 0 means none. A number may be used again after its object is
// gone. Adding and removing take constant time.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "util/list.h"

namespace tripline {

template <typename T>
class Handles {
 public:
  uint32_t Add(std::unique_ptr<T> item) {
    count_++;
    if (free_.empty()) {
      items_.push_back(std::move(item));
      return static_cast<uint32_t>(items_.size());
    }
    const uint32_t id = free_.back();
    free_.pop_back();
    items_[id - 1] = std::move(item);
    return id;
  }
  T* Get(uint32_t id) const { return id == 0 || id > items_.size() ? nullptr : items_[id - 1].get(); }
  void Remove(uint32_t id) {
    items_[id - 1] = nullptr;
    free_.push_back(id);
    count_--;
  }
  uint32_t count() const { return count_; }
  // One more than the highest number; numbers below it may be free.
  uint32_t end() const { return static_cast<uint32_t>(items_.size()) + 1; }

 private:
  List<std::unique_ptr<T>> items_;
  List<uint32_t> free_;
  uint32_t count_ = 0;
};

}  // namespace tripline
