// process.read, process.write of one process and of a process tree, over made-up files.
#include <cstdio>
#include <cstring>

#include "fixture.h"
#include "linux/parse/process.h"
#include "reader.h"

namespace tripline {
namespace {

using test::EndsWith;
using test::FakeRoot;
using test::now;
using test::OfProcess;
using test::Reader;

void PutIo(FakeRoot* root, int pid, long read, long written) {
  char path[64], text[256];
  snprintf(path, sizeof(path), "proc/%d/io", pid);
  snprintf(text, sizeof(text),
           "rchar: 999999\nwchar: 888888\nsyscr: 7\nsyscw: 6\nread_bytes: %ld\nwrite_bytes: %ld\n"
           "cancelled_write_bytes: 555\n",
           read, written);
  root->Change(path, text);
}

// `faults`: those of children that the process has waited for. It was started at the 30th tick since boot or, if
// `new_one`, after all others.
void PutProcess(FakeRoot* root, int pid, int parent, int faults, bool new_one = false) {
  char path[64], text[256];
  snprintf(path, sizeof(path), "proc/%d/stat", pid);
  snprintf(text, sizeof(text), "%d (x) S %d 1 1 0 -1 0 0 %d 0 0 0 0 0 0 20 0 1 0 %s 0 100\n", pid, parent, faults,
           new_one ? "99999999999" : "30");
  root->Change(path, text);
  snprintf(path, sizeof(path), "proc/%d/statm", pid);
  root->Put(path, "10 5 1 1 0 1 0\n");
}

// Ends the process as the kernel would: descriptors that are still open on its files yield nothing any more.
void End(FakeRoot* root, int pid) {
  char path[64];
  snprintf(path, sizeof(path), "proc/%d/stat", pid);
  root->Change(path, "");
  snprintf(path, sizeof(path), "proc/%d", pid);
  root->Remove(path);
}

double Read(Reader* reader) {
  const Reading& reading = reader->Read(Metric::kProcessRead);
  CHECK_EQ(reading.state, Reading::kKnown);
  return reading.num[0];
}

TEST(IoOfAProcessIsThatOfStorage) {
  FakeRoot root;
  PutProcess(&root, 10, 1, 0);
  PutIo(&root, 10, 1000, 2000);
  Reader reader(Metric::kProcessRead, OfProcess(10, false));
  const Reading read = reader.Read(Metric::kProcessRead);
  const Reading written = reader.Read(Metric::kProcessWrite);
  now += kSecond;
  PutIo(&root, 10, 5000, 2500);
  CHECK_NEAR(test::Quotient(read, reader.Read(Metric::kProcessRead)), 4000, 1e-6);
  CHECK_NEAR(test::Quotient(written, reader.Read(Metric::kProcessWrite)), 500, 1e-6);
  CHECK(EndsWith(reader.probe->Origin(Metric::kProcessRead), "/proc/10/io"));
}

TEST(IoOfAProcessIsNotThatOfItsChildren) {
  FakeRoot root;
  PutProcess(&root, 10, 1, 0);
  PutIo(&root, 10, 1000, 2000);
  Reader reader(Metric::kProcessRead, OfProcess(10, false));
  const double first = Read(&reader);
  const auto pass = [&](long read, int faults) {
    now += kSecond;
    PutIo(&root, 10, read, 2000);
    PutProcess(&root, 10, 1, faults);
    return Read(&reader) - first;
  };
  CHECK_NEAR(pass(1100, 0), 100, 1e-9);
  // It inherits the 700000 of a child, and what it has read itself meanwhile is not known.
  CHECK_NEAR(pass(701200, 40), 100, 1e-9);
  CHECK_NEAR(pass(701300, 40), 100, 1e-9);
  CHECK_NEAR(pass(701400, 40), 200, 1e-9);
  // A child ends in every interval.
  for (int faults = 50; faults < 52; faults++) pass(800000, faults);
  now += 2 * kSecond;
  PutProcess(&root, 10, 1, 60);
  CHECK(reader.WhyHas(Metric::kProcessRead, "children end too often"));
  now += kSecond;
  reader.Read(Metric::kProcessRead);
  CHECK_NEAR(pass(900000, 60), 100200, 1e-9);
  CHECK_NEAR(pass(900500, 60), 100700, 1e-9);
}

TEST(IoOfThisProcessIsKnown) {
  Reader reader(Metric::kProcessWrite);
  CHECK_EQ(reader.Read(Metric::kProcessWrite).state, Reading::kKnown);
  CHECK_EQ(reader.Read(Metric::kProcessRead).state, Reading::kKnown);
}

TEST(IoThatTheKernelDoesNotCount) {
  FakeRoot root;
  PutProcess(&root, 10, 1, 0);
  CHECK(Reader(Metric::kProcessRead, OfProcess(10, false)).WhyHas(Metric::kProcessRead, "CONFIG_TASK_IO_ACCOUNTING"));
  CHECK(Reader(Metric::kProcessRead, OfProcess(10, true)).WhyHas(Metric::kProcessRead, "CONFIG_TASK_IO_ACCOUNTING"));
}

TEST(IoOfATreeCountsAChildOnce) {
  FakeRoot root;
  PutProcess(&root, 10, 1, 0);
  PutProcess(&root, 11, 10, 0);
  PutIo(&root, 10, 1000, 0);
  PutIo(&root, 11, 500, 0);
  Reader reader(Metric::kProcessRead, OfProcess(10, true));
  const double first = Read(&reader);
  now += kSecond;
  // For a new process everything counts; for the older ones only what is new.
  PutProcess(&root, 12, 10, 0, true);
  PutIo(&root, 12, 70, 0);
  PutIo(&root, 10, 1100, 0);
  CHECK_NEAR(Read(&reader) - first, 170, 1e-9);
  // Process 11 has read 200 more and ended, and its parent has inherited all of its 700.
  now += kSecond;
  End(&root, 11);
  PutProcess(&root, 10, 1, 40);
  PutIo(&root, 10, 1800, 0);
  CHECK_NEAR(Read(&reader) - first, 370, 1e-9);
  // Process 12 ends, and its parent never waits for it.
  now += kSecond;
  End(&root, 12);
  PutIo(&root, 10, 1900, 0);
  CHECK_NEAR(Read(&reader) - first, 470, 1e-9);
}

TEST(IoOfATreeThatCannotBeReadWhole) {
  FakeRoot root;
  PutProcess(&root, 10, 1, 0);
  PutProcess(&root, 11, 10, 0);
  PutIo(&root, 10, 1000, 0);
  root.MakeDirectory("proc/11/io");
  Reader reader(Metric::kProcessRead, OfProcess(10, true));
  CHECK(reader.WhyHas(Metric::kProcessRead, "/proc/11/io"));
  CHECK_EQ(reader.Read(Metric::kProcessThreads).state, Reading::kKnown);
  End(&root, 11);
  now += kSecond;
  CHECK_EQ(reader.Read(Metric::kProcessRead).state, Reading::kKnown);
}

TEST(IoIsParsed) {
  ProcessIo io;
  const char text[] =
      "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 7\n";
  CHECK(ParseProcessIo(text, sizeof(text) - 1, &io));
  CHECK_EQ(io.read, 5u);
  CHECK_EQ(io.written, 6u);
  CHECK(!ParseProcessIo("rchar: 1\nread_bytes: 5\n", 23, &io));
}

}  // namespace
}  // namespace tripline
