// A loop that never yields: it sees the cancelation in shared memory.
import { Cancelable } from 'tripline'

export default ({ cancel: shared, below }) =>
  Cancelable.from(shared).run((cancel) => {
    let found = 0
    for (let n = 2; n < below; n++) {
      let divisor = 2
      while (divisor * divisor <= n && n % divisor !== 0) divisor++
      if (divisor * divisor > n) found++
      cancel.partialResult = found
      cancel.throwIfCanceled()
    }
    return found
  })
