// The fixed operators of mutation, and the names by which they recognize what a statement does.

/** The operators, each with an example. */
export const OPERATORS = {
  'comparison flipped': 'a < b becomes a > b, min becomes max',
  'boundary off by one': 'a < b becomes a <= b, a + 1 becomes a',
  'condition negated': 'a == b becomes a != b, if (a) becomes if (!a)',
  'branch forced': 'if (a) becomes if (true) or if (false)',
  'any for all': 'a && b becomes a || b, every becomes some',
  'unit off by ten': 'a second becomes a tenth of it, 1000 becomes 10000',
  'release left out': 'the call of unlock, close, unref, dispose and their like is gone',
  'edge lost': 'what delivers, counts or stores a change is gone, or its result is the opposite',
  'reset left out': 'what sets a variable to nothing is gone',
  'call left out': 'another call whose result is not used is gone',
  'early return': 'a function returns at once',
}

export const OPPOSITE = {
  '<': { operator: 'comparison flipped', to: '>' },
  '>': { operator: 'comparison flipped', to: '<' },
  '<=': { operator: 'comparison flipped', to: '>=' },
  '>=': { operator: 'comparison flipped', to: '<=' },
  '==': { operator: 'condition negated', to: '!=' },
  '!=': { operator: 'condition negated', to: '==' },
  '===': { operator: 'condition negated', to: '!==' },
  '!==': { operator: 'condition negated', to: '===' },
  '&&': { operator: 'any for all', to: '||' },
  '||': { operator: 'any for all', to: '&&' },
}

export const BOUNDARY = { '<': '<=', '<=': '<', '>': '>=', '>=': '>' }

/** `if (a < b) b = a`, which does the same with `<=`. */
const LESSER = /\bif \((.+) [<>] (.+)\) \2 = \1;?$/

/** Whether the comparison at a place of the text has no boundary. */
export function hasNoBoundary(text, place) {
  const from = text.lastIndexOf('\n', place) + 1
  const to = text.indexOf('\n', place)
  return LESSER.test(text.slice(from, to < 0 ? undefined : to).trimEnd())
}

export const UNIT = /^(?:kMicrosecond|kMillisecond|kSecond|kMinute|kHour)$/

export const RELEASE_CALL =
  /^_*(?:un(?!t)|close|release|dispose|disarm|remove|forget|clear|free|delete|stop|end|drop|let_?go|reset|erase|pop|settle|cancel|abort|destroy|detach|off|munmap|kill|reap|sweep)/i

export const EDGE_CALL =
  /^_*(?:deliver|answer|notify|emit|publish|wake|push|add|note|report|count|write|set|send|signal|mark|fire|run)/i

export const RESET_VALUE =
  /^(?:0[uU]?[lL]*|-1|false|nullptr|null|undefined|''|""|\{\}|\[\]|\w*Never|kNaN|\w+::k(?:Unknown|Clear|Absent)|Infinity|-Infinity|IdleClock\(\)|new(?:Map|Set)\(\))$/
