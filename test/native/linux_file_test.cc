// Files that are kept open and read again and again: replaced, missing, failing, on a server that goes away. And how
// failures are worded.
#include <cerrno>
#include <cstring>
#include <initializer_list>

#include "failing_calls.h"
#include "fixture.h"
#include "port/probe.h"
#include "reader.h"

namespace tripline {
namespace {

using test::FakeRoot;
using test::now;

TEST(FileThatIsReplacedAndVanishes) {
  FakeRoot root;
  root.Change("proc/x", "one");
  File file;
  file.SetPath(root.PathOf("proc/x"));
  Buffer buffer;
  CHECK(file.Read(now, &buffer));
  CHECK_EQ(buffer.size, 3u);
  root.Change("proc/x", "");
  CHECK(file.Read(now, &buffer));
  CHECK_EQ(buffer.size, 0u);
  char big[20000];
  memset(big, 'y', sizeof(big) - 1);
  big[sizeof(big) - 1] = '\0';
  root.Change("proc/x", big);
  CHECK(file.Read(now, &buffer));
  CHECK_EQ(buffer.size, sizeof(big) - 1);
  CHECK(file.ReadPieces(now, &buffer));
  CHECK_EQ(buffer.size, sizeof(big) - 1);
}

TEST(FileBacksOffWhileItIsMissing) {
  FakeRoot root;
  File file;
  file.SetPath(root.PathOf("proc/y"));
  Buffer buffer;
  CHECK(!file.Read(now, &buffer));
  CHECK_EQ(file.error(), ENOENT);
  root.Change("proc/y", "1");
  now += 10 * kMillisecond;
  CHECK(!file.Read(now, &buffer));
  now += 100 * kMillisecond;
  CHECK(file.Read(now, &buffer));
}

TEST(FileReadsThatFail) {
  FakeRoot root;
  root.Change("proc/z", "12345");
  test::FailingCalls calls;
  Buffer buffer;
  struct Fault {
    int error;
    int times;
    bool recovers;
  };
  for (const Fault& fault : {Fault{EINTR, 3, true}, Fault{EIO, 1, true}, Fault{ENODEV, 1, true}, Fault{ESPIPE, 1, true},
                             Fault{ENOTCONN, 1, true}, Fault{ENODEV, 2, false}, Fault{EINTR, 1000, false},
                             Fault{EAGAIN, 1, false}, Fault{ENOMEM, 1, false}}) {
    File file;
    file.SetPath(root.PathOf("proc/z"));
    CHECK(file.Read(now, &buffer));
    calls.Fail(fault.error, fault.times);
    CHECK_EQ(file.Read(now, &buffer), fault.recovers);
    if (!fault.recovers) CHECK_EQ(file.error(), fault.error);
    calls.Fail(0, 0);
    now += 10 * kSecond;
    CHECK(file.Read(now, &buffer));
    CHECK_EQ(buffer.size, 5u);
  }
}

// The server of a FUSE file system dies and comes back: another file system is then mounted under the path.
TEST(FileOfAServerThatCameBack) {
  FakeRoot root;
  root.Change("proc/z", "12345");
  test::FailingCalls calls(true);
  Buffer buffer;
  File file;
  file.SetPath(root.PathOf("proc/z"));
  CHECK(file.Read(now, &buffer));
  for (int i = 0; i < 200; i++) {
    calls.Fail(ENOTCONN, 1000);
    now += 100 * kMillisecond;
    CHECK(!file.Read(now, &buffer));
    CHECK_EQ(file.error(), ENOTCONN);
  }
  calls.Fail(0, 0);
  now += kSecond;
  CHECK(file.Read(now, &buffer));
}

TEST(FailureTexts) {
  Failure failure;
  failure.SetErrno("open", "/proc/pressure/cpu", ENOENT, "kernel without PSI");
  CHECK_EQ(static_cast<const char*>(failure.text), "open /proc/pressure/cpu: ENOENT (kernel without PSI)");
  failure.SetErrno("read", "", 9999, "");
  CHECK_EQ(static_cast<const char*>(failure.text), "read: errno 9999");
  char subject[400];
  memset(subject, 'a', sizeof(subject) - 1);
  subject[sizeof(subject) - 1] = '\0';
  failure.SetErrno("open", subject, ENOENT, "hint");
  CHECK_EQ(strlen(failure.text), sizeof(failure.text) - 1);
  CHECK(strstr(failure.text, "aaa...aaa") != nullptr);
  CHECK(strstr(failure.text, "aaa: ENOENT (hint)") != nullptr);
}

}  // namespace
}  // namespace tripline
