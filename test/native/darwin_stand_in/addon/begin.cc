// Starts the stand-in when an addon that contains it is loaded. In the unit tests, the first test starts it.
#include "../stand_in.h"

namespace stand_in {

const struct Beginning {
  Beginning() { Begin(); }
} kBeginning;

}  // namespace stand_in
