// The JavaScript stack of an engine's thread, read without running JavaScript.
#pragma once

#include <cstddef>
#include <cstdint>

#include "node/engine.h"

namespace tripline {

class Stack {
 public:
  // Takes the topmost `limit` frames. Called on the engine's thread: in a handler, or in a function that JavaScript has
  // called. Costs time and memory of V8's heap for each frame.
  Stack(const Engine& engine, int limit);

  // 0 is the frame on top.
  uint32_t size() const { return size_; }

  struct Frame {
    StackFrame* frame;
    int script;  // its number; 0 if the frame belongs to no script
  };
  Frame operator[](uint32_t index) const;

  // The first use for a script goes through its whole text.
  Location GetLocation(const Frame& frame) const { return engine_.v8().GetLocation(frame.frame); }
  // Write a text that ends with NUL, cut off where `room` ends; empty if there is none.
  void GetScript(const Frame& frame, char* text, size_t room) const;  // 'node:fs', a path, a URL
  void GetFunction(const Frame& frame, char* text, size_t room) const;

 private:
  void Read(Name* name, char* text, size_t room) const;

  const Engine& engine_;
  StackTrace* trace_;
  uint32_t size_ = 0;
};

}  // namespace tripline
