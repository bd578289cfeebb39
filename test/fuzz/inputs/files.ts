/** Files and messages that other programs write: recordings, traces, claims, reports in Redis, shared memory, the kernel's. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UnreadableRecordingError } from '../../../src/base/errors.js'
import { countIn, isInHierarchy, ownGroups } from '../../../src/base/control-groups.js'
import { parseKill } from '../../../src/base/kernel-log.js'
import { decode, encode } from '../../../src/admit/claims.js'
import { explainLines } from '../../../src/cli/explain-text.js'
import { parseCancelation } from '../../../src/integrations/bullmq/cancelations.js'
import { parseReport } from '../../../src/integrations/bullmq/heartbeat.js'
import { describeRun } from '../../../src/record/describe-run.js'
import { NAME_SIZE, NOTE_SIZE, OPERATION_SIZE, OPERATIONS_HEAD_SIZE } from '../../../src/record/format.js'
import { parseRecording, type RecordedFile } from '../../../src/record/reader.js'
import { packReason, unpackReason } from '../../../src/sources/shared-reason.js'
import { readRows, readTrace } from '../../../src/testing/trace.js'
import { MADE_AT, MadeRecording } from '../../helpers/recording.js'
import { attemptLater, isPlain, Parts, require } from './check.js'

// ---- recordings

/** A whole file as it is given. */
export function recording(input: Uint8Array): void {
  readAsRecording(input)
}

const MADE = {
  shape: { rows: 4, guards: 4, entries: 6, lines: 4, operations: 4, names: 4, rowOperations: 2 },
  states: [{ kind: 'running', number: 7 }],
  entries: [
    { kind: 'guard', number: 1, text: '{"name":"g","all":false,"limits":[{"metric":"memory","above":90,"for":1000}]}' },
    { kind: 'breach', number: 1, a: 95, b: 90, text: 'memory' },
    { kind: 'blocked', a: 500, text: 'at work (app.js:1:2)' },
  ],
  lines: [{ kind: 'line', text: 'out of memory' }],
  rows: [0, 1, 2].map((index) => ({
    at: MADE_AT + index * 1000,
    silence: 10,
    guards: [1],
    longest: [{ number: 1, name: 'import', elapsed: 10, progress: 0.5 }],
    values: [1e6 * index, 50],
  })),
  operations: [{ number: 1, name: 'import', startedAt: MADE_AT }],
} as const

/**
 * Changes to a good recording, of which each is sealed by the right checksum, as anything that can write a file could do.
 * Each is a place, a number of bytes, and those.
 */
export function sealed(input: Uint8Array): void {
  const made = new MadeRecording(MADE)
  const { bytes, layout } = made
  const parts = new Parts(input)
  while (!parts.done) {
    const at = parts.number(65_535) % bytes.length
    for (let left = 1 + parts.number(15), place = at; left > 0 && place < bytes.length; left--, place++) {
      bytes[place] = parts.number(255)
    }
  }
  const { statesOffset, rowsOffset, rowSize, rows, operationsOffset, operations, names } = layout
  for (let at = statesOffset; at + NOTE_SIZE <= operationsOffset; at += NOTE_SIZE) made.seal(at, NOTE_SIZE)
  const slots = operationsOffset + OPERATIONS_HEAD_SIZE
  for (let each = 0; each < operations; each++) made.seal(slots + each * OPERATION_SIZE, OPERATION_SIZE)
  for (let each = 0; each < names; each++) made.seal(slots + operations * OPERATION_SIZE + each * NAME_SIZE, NAME_SIZE)
  for (let each = 0; each < rows; each++) made.seal(rowsOffset + each * rowSize, rowSize)
  bytes.set([0x89, 0x54, 0x52, 0x49, 0x50, 0x0d, 0x0a, 0x1a])
  made.sealHeader()
  readAsRecording(bytes)
}

function readAsRecording(bytes: Uint8Array): void {
  let content: RecordedFile
  try {
    content = parseRecording(bytes, 'given')
  } catch (error) {
    if (!(error instanceof UnreadableRecordingError)) throw error
    return
  }
  let before = -Infinity
  for (const { at, wall, silence, operations } of content.rows) {
    require(at >= before && Number.isFinite(wall), 'rows are not in order')
    require(silence === undefined || Number.isFinite(silence), `silence is ${silence}`)
    for (const { elapsed, progress } of operations) {
      require(elapsed >= 0 && elapsed < Infinity, `elapsed is ${elapsed}`)
      require(progress === undefined || (progress >= 0 && progress <= 1), `progress is ${progress}`)
    }
    before = at
  }
  const run = describeRun(content)
  for (const { time } of run.samples) require(Number.isFinite(time), `a sample at ${time}`)
  for (const brief of [false, true]) {
    for (const line of explainLines({ run, guards: undefined, width: 80, color: false, brief })) {
      require(isPlain(line) && !line.includes('\n'), `a line that is not plain: ${JSON.stringify(line)}`)
    }
  }
}

// ---- traces

async function entriesOf(pieces: Iterable<Uint8Array> | string): Promise<unknown[] | undefined> {
  return attemptLater(async () => {
    const entries = []
    for await (const each of readTrace(pieces)) entries.push(each)
    return entries
  })
}

/** JSON lines that came in pieces. */
export async function trace(input: Uint8Array): Promise<void> {
  const parts = new Parts(input)
  const size = 1 + parts.number(64)
  const bytes = parts.rest()
  const whole = await entriesOf(bytes.toString())
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  const cut = await entriesOf(pieces)
  // Two objects on one line are no line of a trace, but two pieces may be two lines.
  if (whole !== undefined && cut !== undefined) require(cut.length >= whole.length, 'entries were lost between pieces')
  const rows = await attemptLater(() => readRows((whole ?? []) as never))
  let before = -Infinity
  for (const { time, values } of rows ?? []) {
    require(time >= before && Number.isFinite(time), `a row at ${time}`)
    for (const value of values.values()) require(Number.isNaN(value) || Number.isFinite(value), `a value of ${value}`)
    before = time
  }
}

// ---- what other processes say

/** Claims of other processes, reports and cancelations in Redis. */
export function claims(input: Uint8Array): void {
  const text = Buffer.from(input).toString()
  const decoded = decode(text)
  if (decoded !== undefined) {
    require(decoded.claims.length <= 128 && decoded.levels.length <= 64, 'too many claims')
    require(JSON.stringify(decode(encode(decoded))) === JSON.stringify(decoded), 'claims change when they are encoded')
  }
  const report = parseReport('worker', text, -5)
  if (report !== undefined) {
    require(report.age === 0 && report.pid >= 0 && report.jobs.length <= 100, 'a report out of its bounds')
    require(Object.values(report.metrics).every(Number.isFinite), 'a metric of a report is no number')
    for (const { value, limit } of report.breaches)
      require(Number.isFinite(limit) && (value === undefined || Number.isFinite(value)), `${value} beyond ${limit}`)
  }
  const canceled = parseCancelation(text)
  if (canceled === undefined) return
  require(Number.isSafeInteger(canceled.started) && canceled.reason !== '', 'a cancelation out of its bounds')
}

/** Reasons in shared memory. */
export function reasons(input: Uint8Array): void {
  const reason = unpackReason(input)
  if (reason === null) return
  require(typeof reason.message === 'string' && Number.isFinite(reason.at), 'a reason without a message or time')
  require(Object.isFrozen(reason), 'a reason can be changed')
  if (reason.kind === 'resource') {
    const { value, limit, recent, metric } = reason.breach
    require(typeof value === 'number' && typeof limit === 'number', `${typeof value} beyond ${typeof limit}`)
    require(typeof metric === 'string' && recent.every((each) => typeof each === 'number'), 'evidence is no number')
  }
  // It can be passed on.
  const again = unpackReason(packReason(reason, 65_536))
  require(again !== null && again.message === reason.message, 'a reason is lost when it is passed on')
}

// ---- the kernel's texts

const proc = mkdtempSync(join(tmpdir(), 'tripline-fuzz-'))
process.on('exit', () => rmSync(proc, { recursive: true, force: true }))
mkdirSync(join(proc, 'group/a'), { recursive: true })
writeFileSync(join(proc, 'group/cgroup.procs'), '')
writeFileSync(join(proc, 'group/a/cgroup.procs'), '')

/** /proc/self/cgroup, mountinfo, the kernel's log, memory.events. */
export function kernel(input: Uint8Array): void {
  const parts = new Parts(input)
  const [groups, mounts] = [parts.bytes('\u0001'), parts.bytes('\u0001')]
  writeFileSync(join(proc, 'cgroup'), groups)
  writeFileSync(join(proc, 'mountinfo'), mounts.toString('latin1').replaceAll('@', `${proc}/group`), 'latin1')
  for (const controller of ['memory', 'cpu'] as const) {
    for (const { path, mount } of ownGroups(proc, controller)) {
      require(path.startsWith(mount) && !path.split('/').includes('..'), `a group at ${path}`)
    }
  }
  isInHierarchy(`/${parts.text('\u0001')}`, proc)
  const record = parts.rest().toString('latin1')
  const kill = parseKill(record)
  if (kill !== undefined) {
    require(Number.isFinite(kill.at) && Number.isFinite(kill.pid) && /^[0-7],/.test(record), 'a kill of another writer')
  }
  const kills = countIn(record, 'oom_kill')
  require(kills === undefined || kills >= 0, `${kills} kills`)
}
