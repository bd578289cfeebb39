// The marker of a command in the environments of its processes.
#pragma once

#include <cstddef>

namespace tripline {

// Searches an environment, which is read in pieces, for one run's marker: a part of the value of TRIPLINE_RUN, which
// lists the markers of nested runs with colons between them. The same text elsewhere (a log line, a path) means
// nothing.
class MarkerSearch {
 public:
  explicit MarkerSearch(const char* marker) : marker_(marker) {}

  // The next bytes of the environment.
  void Read(const char* data, size_t size) {
    for (size_t i = 0; i < size && !found_; i++) Take(data[i]);
  }
  bool found() const { return found_; }

 private:
  static constexpr char kName[] = "TRIPLINE_RUN=";

  void Take(char c) {
    if (c == '\0' || (c == ':' && in_value_)) {
      found_ = in_value_ && expected_ != nullptr && *expected_ == '\0';
      in_value_ = in_value_ && c == ':';
      expected_ = in_value_ ? marker_ : kName;
    } else if (expected_ != nullptr) {
      expected_ = *expected_ == c ? expected_ + 1 : nullptr;
      if (in_value_ || expected_ == nullptr || *expected_ != '\0') return;
      in_value_ = true;
      expected_ = marker_;
    }
  }

  const char* const marker_;
  const char* expected_ = kName;  // the text that must follow; nullptr in any other variable or part
  bool in_value_ = false;
  bool found_ = false;
};

}  // namespace tripline
