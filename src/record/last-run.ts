/** `lastRun()`: the recording of the run before this one. */
import { UnreadableRecordingError, invalidType, invalidValue } from '../base/errors.js'
import { describeRun, type LastRun } from './describe-run.js'
import { collectEvidence } from './evidence.js'
import { previousOf } from './file.js'
import { programHere } from './identity.js'
import { findLastRecording } from './places.js'
import { readRecording, type RecordedFile } from './reader.js'
import { judge } from './verdict.js'

/**
 * Why the last run of this program ended, from the recording that `record()` or `tripline run --record` wrote; `undefined` if
 * there is none. It claims no more than is proved: see `end`, `certainty` and `proofs`.
 *
 * @param file a recording; if this process is recording to it, or it is not there, the one before, `FILE.previous`. Without it, the last recording
 *   of this program in the folder of recordings whose process has ended
 * @example
 * const last = lastRun()
 * if (last?.end === 'oom') console.warn(last.message, last.proofs)
 * @throws UnreadableRecordingError `ERR_TRIPLINE_RECORDING_UNREADABLE` for a file that is no recording, or cannot be read;
 *   TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` for something that is no path
 */
export function lastRun(file?: string): LastRun | undefined {
  if (file !== undefined && typeof file !== 'string') throw invalidType('file argument', 'a path', file)
  if (file === '' || file?.includes('\0') === true) throw invalidValue('file argument', 'a path', file)
  const found = file ?? findLastRecording(programHere())
  const content = found === undefined ? undefined : readIfThere(found)
  // Without the file, a recorder was killed after it had moved the older recording away.
  if (file === undefined || (content !== undefined && !isOurs(content))) {
    return content === undefined ? undefined : describeRun(content)
  }
  const previous = readIfThere(previousOf(file))
  return previous === undefined ? undefined : describeRun(previous)
}

function readIfThere(file: string): RecordedFile | undefined {
  try {
    return readRecording(file)
  } catch (error) {
    if (error instanceof UnreadableRecordingError && error.kind === 'not-found') return undefined
    throw error
  }
}

/** Whether this process is writing it. */
function isOurs(content: RecordedFile): boolean {
  return content.info.pid === process.pid && judge(content, collectEvidence(content)).end === 'running'
}
