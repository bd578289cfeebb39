/** Reasons from the fields that a caller gives: what is missing gets its default, and everything is checked. */
import { now } from './clock.js'
import { invalidType, invalidValue } from './errors.js'
import { isOomKill } from './oom.js'
import { checkOptions, readOptions } from './options.js'
import {
  abortReason,
  allReason,
  amended,
  checkOrigin,
  conditionReason,
  customReason,
  errorReason,
  idleReason,
  isReason,
  manualReason,
  oomReason,
  parentReason,
  resourceReason,
  signalReason,
  timeoutReason,
  type Breach,
  type CancelationReason,
  type Origin,
} from './reason.js'

type Kind = CancelationReason['kind']
/** The fields with a default. */
type Optional = 'at' | 'message' | 'deadline' | 'checks' | keyof Origin

/** The fields of a reason without its kind: those with a default may be left out. */
export type ReasonFields<R extends CancelationReason> = Omit<R, 'kind' | Optional> &
  Partial<Pick<R, Optional & keyof R>>

/** As they come from a caller. */
type Given = Readonly<Record<string, unknown>>

const MAKERS: Readonly<Record<Kind, (given: Given) => CancelationReason>> = {
  timeout: ({ timeout, deadline = now() }) => timeoutReason(number(timeout, 'timeout'), number(deadline, 'deadline')),
  idle: ({ idle }) => idleReason(number(idle, 'idle')),
  manual: () => manualReason(),
  signal: ({ signal }) => signalReason(text(signal, 'signal') as NodeJS.Signals),
  condition: ({ condition, checks = 1 }) => conditionReason(text(condition, 'condition'), number(checks, 'checks')),
  resource: ({ guard, breach }) => {
    const { metric } = checkOptions(breach as object as Breach)
    return resourceReason(
      text(guard, 'guard'),
      breach as Breach,
      `The limit on ${text(metric, 'breach.metric')} was crossed`,
    )
  },
  abort: ({ cause }) => abortReason(cause),
  parent: ({ parentId, parent = null }) =>
    parentReason(text(parentId, 'parentId'), parent === null ? null : reason(parent, 'parent')),
  all: ({ causes }) => allReason(list(causes, 'causes').map((each) => reason(each, 'causes'))),
  error: ({ cause }) => errorReason(cause),
  oom: ({ certainty, proof, kills, whole, origin }) => {
    const kill = { certainty, proof, kills, whole, origin }
    if (!isOomKill(kill)) throw invalidValue('reason', 'one with the fields of an OomKill', kill)
    return oomReason(kill)
  },
  custom: ({ message, data }) => customReason(text(message, 'message'), data),
}

/** The fields that only reasons of a kind have. */
const OWN_FIELDS: Readonly<Record<Kind, readonly string[]>> = {
  timeout: ['timeout', 'deadline'],
  idle: ['idle'],
  manual: [],
  signal: ['signal'],
  condition: ['condition', 'checks'],
  resource: ['guard', 'breach'],
  abort: ['cause'],
  parent: ['parentId', 'parent'],
  all: ['causes'],
  error: ['cause'],
  oom: ['certainty', 'proof', 'kills', 'whole', 'origin'],
  custom: ['data'],
}

/** @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, naming the field */
export function completeReason(kind: Kind, fields: object): CancelationReason {
  const known = [...OWN_FIELDS[kind], 'kind', 'message', 'at', 'by', 'source']
  const given = readOptions(fields, 'field of a reason', known) as Given
  if (given['kind'] !== undefined && given['kind'] !== kind) throw invalidValue('kind', `'${kind}'`, given['kind'])
  const made = MAKERS[kind](given)
  const { message = made.message, at = made.at } = given
  const { by, source } = checkOrigin({
    by: given['by'] as string | undefined,
    source: given['source'] as string | undefined,
  })
  return amended(made, {
    message: text(message, 'message'),
    at: number(at, 'at'),
    ...(by !== undefined && { by }),
    ...(source !== undefined && { source }),
  })
}

function number(value: unknown, name: string): number {
  if (typeof value !== 'number') throw invalidType(name, 'a number', value)
  if (!(value >= 0)) throw invalidValue(name, 'not negative', value)
  return value
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw invalidType(name, 'a string', value)
  return value
}

function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidType(name, 'an array of reasons', value)
  return value
}

function reason(value: unknown, name: string): CancelationReason {
  if (!isReason(value)) throw invalidType(name, 'a CancelationReason', value)
  return value
}
