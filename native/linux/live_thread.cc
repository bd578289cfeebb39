#include "linux/live_thread.h"

#include "linux/file.h"
#include "linux/parse/process.h"
#include "util/text.h"

namespace tripline {

int64_t FindLiveThread(const char* proc, int64_t pid) {
  char number[24] = {}, thread_number[24] = {};
  number[ToDigits(static_cast<uint64_t>(pid), number)] = '\0';
  Text tasks, path;
  tasks.Set(proc, "/", number, "/task/");
  DirectoryReader threads(tasks.get());
  for (int64_t thread = 0; threads.NextNumber(&thread);) {
    if (thread == pid) continue;
    thread_number[ToDigits(static_cast<uint64_t>(thread), thread_number)] = '\0';
    path.Set(tasks.get(), thread_number, "/statm");
    Buffer buffer;
    uint64_t size = 0, resident = 0;
    // A thread that is about to end has already given up its memory.
    if (ReadOnce(path.get(), &buffer) && ParseStatm(buffer.data(), buffer.size, &size, &resident) && size > 0) {
      return thread;
    }
  }
  return 0;
}

}  // namespace tripline
