// Files for tests: those below test/fixtures, and temporary file trees.
#pragma once

#include <cstddef>

namespace tripline::test {

// The bytes of a file in a block of exactly that size, so that a sanitizer detects every access past the end.
class Bytes {
 public:
  Bytes(const char* data, size_t size);
  explicit Bytes(const char* fixture);  // below test/fixtures
  ~Bytes();
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  char* data;
  size_t size;
};

// Calls `body` for every fixture in a folder below test/fixtures.
void EachFixture(const char* folder, void (*body)(const char* name, const Bytes& bytes));

// A temporary directory whose subdirectories HOST_PROC and HOST_SYS point to while this object exists.
class FakeRoot {
 public:
  FakeRoot();
  ~FakeRoot();
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;

  // Writes a file and creates its folders. Replaces the file by renaming, so an open descriptor keeps the old content.
  void Put(const char* path, const char* text);
  // Writes in place, as the kernel does: an open descriptor sees the new content.
  void Change(const char* path, const char* text);
  void PutFixture(const char* path, const char* fixture);
  void MakeDirectory(const char* path);
  void Remove(const char* path);
  const char* PathOf(const char* path);

  char root[64];

 private:
  void MakeParents(const char* path);
  char path_[512];
};

}  // namespace tripline::test
