// The whole test framework: TEST(name) { CHECK(...); CHECK_EQ(actual, expected); CHECK_NEAR(actual, expected, by); }
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace tripline::test {

// How many threads a process of these tests has that started none.
#if defined(__SANITIZE_THREAD__)
constexpr double kOwnThreads = 2;
#else
constexpr double kOwnThreads = 1;
#endif

struct Case {
  const char* name;
  void (*body)();
  Case* next;
  Case(const char* name, void (*body)());
};

void Fail(const char* file, int line, const char* what, const char* actual, const char* expected);
void Pass();
void Skip(const char* why);
int RunAll(char** filters, int count);

inline void Print(char* out, size_t size, double value) { snprintf(out, size, "%.12g", value); }
inline void Print(char* out, size_t size, const char* value) { snprintf(out, size, "\"%s\"", value); }
template <typename T>
void Print(char* out, size_t size, T value) {
  snprintf(out, size, "%lld", static_cast<long long>(value));
}

inline bool Same(const char* a, const char* b) { return strcmp(a, b) == 0; }
template <typename A, typename B>
bool Same(A a, B b) {
  return a == static_cast<A>(b);
}

template <typename A, typename B>
void CheckEqual(const char* file, int line, const char* what, A actual, B expected) {
  if (Same(actual, expected)) return Pass();
  char left[256], right[256];
  Print(left, sizeof(left), actual);
  Print(right, sizeof(right), expected);
  Fail(file, line, what, left, right);
}

}  // namespace tripline::test

#define TEST(name)          \
  static void Test##name(); \
  static ::tripline::test::Case case##name(#name, Test##name); static void Test##name()

#define CHECK(condition) \
  ((condition) ? ::tripline::test::Pass() : ::tripline::test::Fail(__FILE__, __LINE__, #condition, "false", "true"))
#define CHECK_EQ(actual, expected) ::tripline::test::CheckEqual(__FILE__, __LINE__, #actual, actual, expected)
#define CHECK_NEAR(actual, expected, by)                                                       \
  do {                                                                                         \
    const double check_actual = (actual), check_expected = (expected);                         \
    const double check_off = check_actual - check_expected;                                    \
    if (check_off <= (by) && check_off >= -(by))                                               \
      ::tripline::test::Pass();                                                                \
    else                                                                                       \
      ::tripline::test::CheckEqual(__FILE__, __LINE__, #actual, check_actual, check_expected); \
  } while (false)
