// Builds command lines and parses them by the rules of the programs that read them.
#include "windows/command_line.h"

#include <cstring>
#include <initializer_list>

#include "check.h"
#include "command_line_reader.h"

using namespace tripline::test;
using namespace tripline::windows;
using tripline::Text;

namespace {

uint32_t seed = 1;
uint32_t Random(uint32_t below) {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

void FillRandomly(const char* alphabet, char* text) {
  const uint32_t size = Random(14);
  for (uint32_t i = 0; i < size; i++) text[i] = alphabet[Random(static_cast<uint32_t>(strlen(alphabet)))];
  text[size] = '\0';
}

const char* Quoted(const char* argument, Text* line) {
  line->Clear();
  AddArgument(argument, line);
  return line->get();
}

}  // namespace

TEST(WindowsArgumentsAreQuotedOnlyWhereTheyMust) {
  Text line;
  CHECK_EQ(Quoted("plain", &line), "plain");
  CHECK_EQ(Quoted("C:\\folder\\", &line), "C:\\folder\\");
  CHECK_EQ(Quoted("", &line), "\"\"");
  CHECK_EQ(Quoted("two words", &line), "\"two words\"");
  CHECK_EQ(Quoted("two words\\", &line), "\"two words\\\\\"");
  CHECK_EQ(Quoted("a\"b", &line), "\"a\\\"b\"");
  CHECK_EQ(Quoted("a\\\"b", &line), "\"a\\\\\\\"b\"");
  CHECK_EQ(Quoted("\xC3\xA4", &line), "\xC3\xA4");
}

TEST(WindowsArgumentsComeBackAsTheyWere) {
  for (int round = 0; round < 20000; round++) {
    char text[4][16];
    const char* list[5] = {"C:\\Program Files\\a.exe", text[0], text[1], text[2], nullptr};
    for (int i = 0; i < 3; i++) FillRandomly("\\\\\\\"\" \ta%&^'\xC3\xA4", text[i]);
    Text line;
    AddCommand(list, &line);
    const Words words = SplitAsC(line.get());
    CHECK_EQ(words.count, 4);
    CHECK_EQ(words.text[0], list[0]);
    for (int i = 1; i < 4; i++) {
      if (strcmp(words.text[i], list[i]) != 0) CHECK_EQ(words.text[i], list[i]);
    }
  }
}

TEST(WindowsProgramNameHasNoQuotes) {
  Text line;
  const char* const list[] = {"a\" & calc \"b", nullptr};
  AddCommand(list, &line);
  CHECK_EQ(line.get(), "\"a & calc b\"");
}

TEST(WindowsBatchFilesAreKnownByTheirNames) {
  CHECK(IsBatchFile("C:\\npm.cmd"));
  CHECK(IsBatchFile("a.BaT"));
  CHECK(IsBatchFile("a.bat. . ."));
  CHECK(IsBatchFile(".cmd"));
  CHECK(!IsBatchFile("cmd"));
  CHECK(!IsBatchFile("a.cmd.exe"));
  CHECK(!IsBatchFile("a.bat\\b"));
  CHECK(!IsBatchFile(""));
}

TEST(WindowsBatchLineNamesTheInterpretersRules) {
  Text line;
  const char* const list[] = {"tool", "plain", "two words", "", "50%", "a\"b", "end\\", nullptr};
  CHECK(AddBatchCommand("C:\\my tools\\tool.cmd", list, &line));
  CHECK_EQ(line.get(),
           "cmd.exe /d /e:ON /v:OFF /c \"\"C:\\my tools\\tool.cmd\" plain \"two words\" \"\" \"50%%cd:~,%\" \"a\"\"b\" "
           "\"end\\\\\"\"");
}

TEST(WindowsBatchArgumentsMustBeOneLine) {
  for (const char* bad : {"a\nb", "a\r", "\n"}) {
    Text line;
    const char* const list[] = {"tool", bad, nullptr};
    CHECK(!AddBatchCommand("tool.cmd", list, &line));
  }
}

TEST(WindowsBatchArgumentsNeverReachTheInterpreter) {
  for (int round = 0; round < 20000; round++) {
    char text[3][16];
    const char* list[4] = {"tool", text[0], text[1], nullptr};
    for (int i = 0; i < 2; i++) FillRandomly("\"\"\\\\%%&|<>()^!, ;=a1.\t'", text[i]);
    Text line, expanded;
    CHECK(AddBatchCommand("C:\\a b\\tool%1.cmd", list, &line));
    const char* start = strstr(line.get(), "/c \"") + 4;
    Text inner;
    for (const char* at = start; at[1] != '\0'; at++) inner.Add(*at);
    // cmd.exe parses the line first, and then the programs to which a batch file passes the arguments.
    if (!Expand(inner.get(), &expanded)) CHECK_EQ(inner.get(), "no variables");
    if (HasNakedSpecial(expanded.get())) CHECK_EQ(expanded.get(), "nothing special outside of quotes");
    const Words words = SplitAsC(expanded.get());
    CHECK_EQ(words.count, 3);
    for (int i = 1; i < 3; i++) {
      if (strcmp(words.text[i], list[i]) != 0) CHECK_EQ(words.text[i], list[i]);
    }
  }
}

TEST(WindowsEnvironmentIsSortedWithoutRegardToCase) {
  const char* const list[] = {"b=2", "PATH=first", "", "A=1", "=C:=C:\\x", "Path=second", "a_=3", "AB=4", nullptr};
  Text block;
  AddEnvironment(list, &block);
  const char expected[] = "=C:=C:\\x\0A=1\0AB=4\0a_=3\0b=2\0PATH=first\0";
  CHECK_EQ(block.size(), sizeof(expected));
  CHECK(memcmp(block.get(), expected, sizeof(expected)) == 0);
}

TEST(WindowsEnvironmentOfNothingEndsTwice) {
  const char* const list[] = {"", nullptr};
  Text block;
  AddEnvironment(list, &block);
  CHECK_EQ(block.size(), 2u);
  CHECK(block.get()[0] == '\0' && block.get()[1] == '\0');
}

TEST(WindowsEnvironmentKeepsEveryNameOnce) {
  for (int round = 0; round < 2000; round++) {
    char text[12][20];
    const char* list[13] = {};
    for (int i = 0; i < 12; i++) {
      text[i][0] = "abABzZ_"[Random(7)];
      text[i][1] = "abAB_="[Random(6)];
      text[i][2] = '=';
      text[i][3] = static_cast<char>('a' + i);
      text[i][4] = '\0';
      list[i] = text[i];
    }
    Text block;
    AddEnvironment(list, &block);
    const char* before = nullptr;
    size_t names = 0, at = 0;
    for (; block.get()[at] != '\0'; at += strlen(block.get() + at) + 1, names++) {
      if (before != nullptr) CHECK(CompareNames(before, block.get() + at) < 0);
      before = block.get() + at;
    }
    CHECK_EQ(at + 1, block.size());
    for (const char* const* each = list; *each != nullptr; each++) {
      size_t found = 0;
      for (size_t i = 0; i + 1 < block.size(); i += strlen(block.get() + i) + 1) {
        found += CompareNames(block.get() + i, *each) == 0 ? 1 : 0;
      }
      CHECK_EQ(found, size_t{1});
    }
  }
}
