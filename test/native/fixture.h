// Files for tests: those below test/fixtures, and trees that a test makes for itself.
#pragma once

#include <cstddef>

namespace tripline::test {

// A file's bytes in a block of exactly their size, so that a sanitizer sees every step past the end.
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

// A directory that is HOST_PROC's and HOST_SYS's parent while it lives.
class FakeRoot {
 public:
  FakeRoot();
  ~FakeRoot();
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;

  // Writes a file, making its folders. Atomic, by renaming: a held descriptor keeps the old content...
  void Put(const char* path, const char* text);
  // ...and in place, as the kernel does: a held descriptor sees the new one.
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
