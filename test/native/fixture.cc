#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tripline::test {

namespace {

[[noreturn]] void Die(const char* what, const char* path) {
  printf("%s %s: %s\n", what, path, strerror(errno));
  exit(1);
}

void Write(const char* path, const char* data, size_t size) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, data, size) != static_cast<ssize_t>(size)) Die("write", path);
  close(fd);
}

int RemoveOne(const char* path, const struct stat*, int, struct FTW*) { return remove(path); }

}  // namespace

Bytes::Bytes(const char* from, size_t size) : data(new char[size]), size(size) { memcpy(data, from, size); }

Bytes::Bytes(const char* fixture) : data(nullptr), size(0) {
  char path[512];
  snprintf(path, sizeof(path), "test/fixtures/%s", fixture);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info;
  if (fd < 0 || fstat(fd, &info) != 0) Die("open", path);
  size = static_cast<size_t>(info.st_size);
  data = new char[size];
  if (read(fd, data, size) != info.st_size) Die("read", path);
  close(fd);
}

Bytes::~Bytes() { delete[] data; }

void EachFixture(const char* folder, void (*body)(const char* name, const Bytes& bytes)) {
  char path[256];
  snprintf(path, sizeof(path), "test/fixtures/%s", folder);
  DIR* directory = opendir(path);
  if (directory == nullptr) Die("opendir", path);
  int count = 0;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    char name[512];
    snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
    body(name, Bytes(name));
    count++;
  }
  closedir(directory);
  if (count == 0) Die("no fixtures in", path);
}

FakeRoot::FakeRoot() {
  const char* base = getenv("TMPDIR");
  snprintf(root, sizeof(root), "%.40s/tripline-XXXXXX", base == nullptr ? "/tmp" : base);
  if (mkdtemp(root) == nullptr) Die("mkdtemp", root);
  MakeDirectory("proc");
  MakeDirectory("sys");
  setenv("HOST_PROC", PathOf("proc"), 1);
  setenv("HOST_SYS", PathOf("sys"), 1);
}

FakeRoot::~FakeRoot() {
  unsetenv("HOST_PROC");
  unsetenv("HOST_SYS");
  nftw(root, RemoveOne, 16, FTW_DEPTH | FTW_PHYS);
}

const char* FakeRoot::PathOf(const char* path) {
  snprintf(path_, sizeof(path_), "%s/%s", root, path);
  return path_;
}

void FakeRoot::MakeParents(const char* path) {
  char full[512];
  snprintf(full, sizeof(full), "%s/%s", root, path);
  for (char* slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != nullptr; slash++) {
    *slash = '\0';
    if (mkdir(full, 0755) != 0 && errno != EEXIST) Die("mkdir", full);
    *slash = '/';
  }
}

void FakeRoot::MakeDirectory(const char* path) {
  MakeParents(path);
  if (mkdir(PathOf(path), 0755) != 0 && errno != EEXIST) Die("mkdir", path);
}

void FakeRoot::Put(const char* path, const char* text) {
  MakeParents(path);
  char fresh[512];
  snprintf(fresh, sizeof(fresh), "%s/fresh", root);
  Write(fresh, text, strlen(text));
  if (rename(fresh, PathOf(path)) != 0) Die("rename", path);
}

void FakeRoot::Change(const char* path, const char* text) {
  MakeParents(path);
  Write(PathOf(path), text, strlen(text));
}

void FakeRoot::PutFixture(const char* path, const char* fixture) {
  const Bytes bytes(fixture);
  MakeParents(path);
  Write(PathOf(path), bytes.data, bytes.size);
}

void FakeRoot::Remove(const char* path) { nftw(PathOf(path), RemoveOne, 16, FTW_DEPTH | FTW_PHYS); }

}  // namespace tripline::test
