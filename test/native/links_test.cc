// Following a path over symbolic links, with real files. The test itself decides which of them are "on a server".
#include "posix/links.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <cstdio>
#include <initializer_list>

#include "check.h"

namespace {

char real[1024];

bool IsLocalAllTheWay(const char* path, bool (*is_local)(const void* mounts, const char* path), const void* mounts) {
  return tripline::IsLocalAllTheWay<32>(path, is_local, mounts, real);
}

struct Folder {
  char path[64] = "/tmp/tripline-links-XXXXXX";
  char text[200];

  Folder() {
    if (mkdtemp(path) == nullptr) tripline::test::Fail(__FILE__, __LINE__, "mkdtemp", "failed", "a folder");
    mkdir(At("here"), 0700);
    mkdir(At("far"), 0700);
  }
  ~Folder() {
    for (const char* each : {"absolute", "relative", "loop", "up", "deep"}) unlink(At(each));
    rmdir(At("here"));
    rmdir(At("far"));
    rmdir(path);
  }
  const char* At(const char* name) {
    snprintf(text, sizeof(text), "%s/%s", path, name);
    return text;
  }
  void Link(const char* name, const char* target) {
    if (symlink(target, At(name)) != 0) tripline::test::Fail(__FILE__, __LINE__, "symlink", name, "a link");
  }
  bool IsLocal(const char* name) { return IsLocalAllTheWay(At(name), IsNotFar, this); }

  static bool IsNotFar(const void*, const char* path) { return strstr(path, "/far") == nullptr; }
};

}  // namespace

TEST(PathsWithoutLinks) {
  Folder folder;
  CHECK(folder.IsLocal("here"));
  CHECK(folder.IsLocal("here/./nothing/there"));
  CHECK(!folder.IsLocal("far"));
  CHECK(!folder.IsLocal("far/below"));
  // The path leads through the server and out again, which would read a step on the server.
  CHECK(!folder.IsLocal("far/../here"));
  CHECK(folder.IsLocal("here/../here"));
  CHECK(folder.IsLocal("here/../../../../../../.."));
  CHECK(IsLocalAllTheWay("/", Folder::IsNotFar, nullptr));
}

TEST(LinksThatLeadToServers) {
  Folder folder;
  char target[200];
  snprintf(target, sizeof(target), "%s/far", folder.path);
  folder.Link("absolute", target);
  folder.Link("relative", "far");
  folder.Link("up", "here/../far");
  folder.Link("deep", "here");
  CHECK(!folder.IsLocal("absolute"));
  CHECK(!folder.IsLocal("relative/below"));
  CHECK(!folder.IsLocal("up"));
  CHECK(folder.IsLocal("deep"));
  CHECK(folder.IsLocal("deep/nothing"));
  snprintf(target, sizeof(target), "%s/here/nothing", folder.path);
  CHECK(strcmp(real, target) == 0);
}

TEST(LinksThatNeverEnd) {
  Folder folder;
  folder.Link("loop", "loop");
  CHECK(!folder.IsLocal("loop"));
  char longest[2000];
  memset(longest, 'a', sizeof(longest));
  longest[0] = '/';
  longest[sizeof(longest) - 1] = '\0';
  CHECK(!IsLocalAllTheWay(longest, Folder::IsNotFar, nullptr));
}
