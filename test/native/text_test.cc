// Texts of a fixed and of a growing size: what is cut.
#include "util/text.h"

#include <cstring>

#include "check.h"

namespace tripline {
namespace {

TEST(FixedTextSaysWhetherItWasCut) {
  FixedText<8> text;
  text.Add("/p/").Add(uint64_t{1234});
  CHECK_EQ(strcmp(text.get(), "/p/1234"), 0);
  CHECK(!text.cut());
  text.Add("5");
  CHECK_EQ(strcmp(text.get(), "/p/1234"), 0);
  CHECK(text.cut());
  // After a cut, later parts are dropped even if they would fit: a gap would change the meaning.
  text.Clear();
  text.Add("12345678").Add("");
  CHECK_EQ(text.size(), 7u);
  CHECK(text.cut());
  text.Clear();
  CHECK(!text.cut());
  CHECK_EQ(text.size(), 0u);
}

TEST(FixedTextHasNumbersAndHexadecimals) {
  FixedText<64> text;
  text.Add(uint64_t{0}).Add(" ").Add(UINT64_MAX).Add(" ").AddHex(0xC0000BB8);
  CHECK_EQ(strcmp(text.get(), "0 18446744073709551615 0xC0000BB8"), 0);
}

TEST(TextGrowsAndIsCut) {
  Text text;
  CHECK(text.empty());
  CHECK_EQ(strcmp(text.get(), ""), 0);
  text.Set("/sys", "/class", "", "/net");
  CHECK_EQ(strcmp(text.get(), "/sys/class/net"), 0);
  text.Cut(4);
  text.Cut(100);
  CHECK_EQ(strcmp(text.get(), "/sys"), 0);
  for (int i = 0; i < 1000; i++) text.Add("abc");
  CHECK_EQ(text.size(), 3004u);
  CHECK_EQ(strcmp(text.get() + 3001, "abc"), 0);
  text.Add('\\', 3);
  text.Add("x\0y", 3);
  CHECK_EQ(text.size(), 3010u);
  CHECK_EQ(memcmp(text.get() + 3004, "\\\\\\x\0y", 7), 0);
  text.SetPart("once more", 4);
  CHECK_EQ(strcmp(text.get(), "once"), 0);
  text.Clear();
  CHECK(text.empty());
}

}  // namespace
}  // namespace tripline
