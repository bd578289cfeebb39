// Finds where the operators of mutation fit in C++: a small tokenizer that leaves comments, strings, preprocessor lines and
// template brackets alone, and the patterns that clang-format makes reliable.
import { BOUNDARY, hasNoBoundary, EDGE_CALL, OPPOSITE, RELEASE_CALL, RESET_VALUE, UNIT } from './operators.js'

const TOKEN = new RegExp(
  [
    String.raw`(?<space>\s+)`,
    String.raw`(?<comment>\/\/[^\n]*|\/\*[^]*?\*\/)`,
    String.raw`(?<string>(?:u8|[uUL])?R"(?<fence>[^(\s]*)\([^]*?\)\k<fence>"|(?:u8|[uUL])?"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*')`,
    String.raw`(?<number>\.?\d(?:[eEpP][+-]|'\w|[\w.])*)`,
    String.raw`(?<word>[A-Za-z_]\w*)`,
    String.raw`(?<sign><=>|<<=|>>=|\.\.\.|->\*|->|::|<<|<=|>=|==|!=|&&|\|\||\+\+|--|[-+*\/%&|^]=|[^])`,
  ].join('|'),
  'y',
)

/** The tokens of `text`, without spaces, comments and preprocessor lines, each with its place. */
export function tokens(text) {
  const found = []
  TOKEN.lastIndex = 0
  let fresh = true // at the start of a line
  while (TOKEN.lastIndex < text.length) {
    const start = TOKEN.lastIndex
    if (fresh && /^[ \t]*#/.test(text.slice(start, start + 80))) {
      // With its continuation lines.
      TOKEN.lastIndex = start + /^(?:[^\n\\]|\\[^])*/.exec(text.slice(start))[0].length
      fresh = false
      continue
    }
    const { groups } = TOKEN.exec(text)
    const end = TOKEN.lastIndex
    fresh = groups.space !== undefined && groups.space.includes('\n')
    if (groups.space !== undefined || groups.comment !== undefined) {
      fresh ||= text[end - 1] === '\n'
      continue
    }
    const kind = ['string', 'number', 'word', 'sign'].find((each) => groups[each] !== undefined)
    found.push({ kind, text: text.slice(start, end), start, end })
  }
  return found
}

const OPEN = { '(': ')', '[': ']', '{': '}' }

/** For each bracket, the index of its partner. */
function partners(list) {
  const partner = new Map()
  const open = []
  for (const [index, { text, kind }] of list.entries()) {
    if (kind !== 'sign') continue
    if (text in OPEN) open.push(index)
    else if (text === ')' || text === ']' || text === '}') {
      const first = open.pop()
      if (first === undefined || OPEN[list[first].text] !== text) return new Map()
      partner.set(first, index).set(index, first)
    }
  }
  return partner
}

/** What the `{` at `index` opens, in braces of the kind `outer`: 'code', 'scope' (of a namespace or class) or 'value'. */
function kindOfBrace(list, index, outer) {
  let before = index - 1
  while (before >= 0 && /^(?:const|noexcept|override|final|mutable)$/.test(list[before].text)) before--
  const last = list[before]
  if (last === undefined || last.kind === 'string') return 'scope'
  if (/^(?:\)|\]|else|do)$/.test(last.text)) return 'code'
  if (/^[;{}:]$/.test(last.text)) return outer === 'value' ? 'value' : 'code'
  for (let at = before; at >= 0 && !/^[;{}()]$/.test(list[at].text); at--) {
    if (/^(?:namespace|class|struct|enum|union)$/.test(list[at].text)) return 'scope'
    if (list[at].text === '->') return 'code'
  }
  return 'value'
}

const NOT_A_CALL =
  /^(?:return|if|for|while|switch|case|default|using|typedef|static|const|constexpr|auto|template|namespace|class|struct|enum|union|public|private|protected|goto|break|continue|do|else|new|sizeof|static_assert|extern|friend|thread_local|operator|alignas|explicit|inline|virtual|void|bool|int|char|double|uint8_t|uint32_t|uint64_t|int64_t|size_t)$/

/** Where the operators fit: `{ operator, start, end, replacement }`. */
export function sites(text) {
  const list = tokens(text)
  const partner = partners(list)
  const found = []
  const add = (operator, from, to, replacement) =>
    found.push({ operator, start: list[from].start, end: list[to].end, replacement })
  const source = (from, to) => text.slice(list[from].start, list[to].end)
  const spaced = (index) => text[list[index].start - 1] === ' ' && /\s/.test(text[list[index].end] ?? '')

  // Which brace each token is in.
  const kinds = []
  const inside = []
  const opened = new Map()
  for (const [index, token] of list.entries()) {
    if (token.kind === 'sign' && token.text === '}') kinds.pop()
    inside[index] = kinds.at(-1) ?? 'scope'
    if (token.kind === 'sign' && token.text === '{') {
      const kind = kindOfBrace(list, index, inside[index])
      kinds.push(kind)
      opened.set(index, kind)
    }
  }
  const inCode = (index) => inside[index] === 'code'

  for (const [index, token] of list.entries()) {
    const previous = list[index - 1]?.text
    const next = list[index + 1]?.text
    if (token.kind === 'sign' && spaced(index) && previous !== 'operator' && previous !== 'template') {
      const opposite = OPPOSITE[token.text]
      if (opposite !== undefined) add(opposite.operator, index, index, opposite.to)
      const boundary = BOUNDARY[token.text]
      if (boundary !== undefined && !hasNoBoundary(text, token.start))
        add('boundary off by one', index, index, boundary)
      if (/^[+-]$/.test(token.text) && list[index + 1]?.kind === 'number' && /^1u?$/.test(next)) {
        const start = list[index - 1].end
        found.push({ operator: 'boundary off by one', start, end: list[index + 1].end, replacement: '' })
      }
    }
    if (token.kind === 'word') {
      if (token.text === 'all_of' || token.text === 'any_of') {
        add('any for all', index, index, token.text === 'all_of' ? 'any_of' : 'all_of')
      }
      if (previous === '::' && list[index - 2]?.text === 'std' && /^(?:min|max)$/.test(token.text) && next !== '<') {
        add('comparison flipped', index, index, token.text === 'min' ? 'max' : 'min')
      }
      if (UNIT.test(token.text) && previous !== 'uint64_t' && next !== '=' && (inCode(index) || previous === '*')) {
        add('unit off by ten', index, index, `(${token.text} / 10)`)
      }
      if (/^(?:if|while)$/.test(token.text) && next === '(' && inCode(index)) {
        const close = partner.get(index + 1)
        if (close !== undefined && !source(index + 2, close - 1).includes(';') && !declares(list, index + 2)) {
          const condition = source(index + 2, close - 1)
          add('condition negated', index + 2, close - 1, `!(${condition})`)
          add('branch forced', index + 2, close - 1, 'false')
          if (token.text === 'if') add('branch forced', index + 2, close - 1, 'true')
        }
      }
      if (token.text === 'return' && inCode(index) && /^(?:true|false)$/.test(next) && list[index + 2]?.text === ';') {
        add('edge lost', index + 1, index + 1, next === 'true' ? 'false' : 'true')
      }
    }
    if (token.kind === 'number' && /^(?:10|100|1000|1e[369]|1000000|1000000000|1024)$/.test(token.text)) {
      add('unit off by ten', index, index, `(${token.text} * 10)`)
    }
    // A statement begins here.
    const begins =
      /^(?:[;{}]|else)$/.test(previous ?? '') ||
      (previous === ')' && afterHead(list, index - 1, partner)) ||
      (previous === ':' && !isTernary(list, index - 1))
    if (!begins || !inCode(index)) continue
    const end = endOfStatement(list, index, partner)
    if (end === undefined) continue
    const operator = statementOperator(list, index, end, partner)
    if (operator !== undefined) add(operator, index, end, ';')
  }

  for (const [open, close] of partner) {
    if (close < open || opened.get(open) !== 'code' || inCode(open) || close === open + 1) continue
    const result = resultOf(list, open, partner)
    // Not where that is what it does.
    if (result === undefined || `${source(open + 1, close - 1)};`.startsWith(result)) continue
    const at = list[open].end
    found.push({ operator: 'early return', start: at, end: at, replacement: ` ${result}` })
  }
  return found
}

/** Whether a condition begins with a declaration, as `if (auto* a = ...)`. */
function declares(list, index) {
  return /^(?:auto|const)$/.test(list[index].text) || (list[index].kind === 'word' && list[index + 1].kind === 'word')
}

/** Whether this `)` ends the head of an if, for or while. */
function afterHead(list, close, partner) {
  const open = partner.get(close)
  return open !== undefined && /^(?:if|for|while)$/.test(list[open - 1]?.text ?? '')
}

function isTernary(list, colon) {
  for (let at = colon - 1; at >= 0 && !/^[;{}]$/.test(list[at].text); at--) {
    if (list[at].text === '?') return true
    if (/^(?:case|default)$/.test(list[at].text)) return false
  }
  return true
}

function endOfStatement(list, index, partner) {
  for (let at = index; at < list.length; at++) {
    const { text } = list[at]
    if (text === ';') return at
    if (text === '}' || text === ')') return undefined
    if (text in OPEN) {
      const close = partner.get(at)
      if (close === undefined) return undefined
      at = close
    }
  }
  return undefined
}

/** What leaving out this statement would be, if it may be left out. */
function statementOperator(list, index, end, partner) {
  const first = list[index]
  if (first.text === 'delete') return 'release left out'
  if (/^(?:\+\+|--)$/.test(first.text)) return 'edge lost'
  if ((first.kind !== 'word' && first.text !== '*' && first.text !== '(') || NOT_A_CALL.test(first.text))
    return undefined
  if (/^(?:\+\+|--)$/.test(list[end - 1].text)) return 'edge lost'
  // A declaration has two words, or a word and a template, beside each other.
  let name = ''
  for (let at = index; at < end; at++) {
    const { text, kind } = list[at]
    if (/^(?:[-+*/%&|^]|<<|>>)?=$/.test(text)) {
      if (text !== '=') return 'edge lost'
      const value = list
        .slice(at + 1, end)
        .map((each) => each.text)
        .join('')
      return RESET_VALUE.test(value) ? 'reset left out' : 'edge lost'
    }
    if (kind === 'word') {
      if (at > index && list[at - 1].kind === 'word') return undefined
      if (at > index && /^[*&>]$/.test(list[at - 1].text) && at - 1 > index) return undefined
      name = text
    } else if (text === '(' || text === '[') {
      const close = partner.get(at)
      if (text === '(' && close === end - 1) {
        // What a thread-safety annotation alone is for does nothing.
        if (name === '' || name.startsWith('Assert')) return undefined
        if (RELEASE_CALL.test(name)) return 'release left out'
        return EDGE_CALL.test(name) ? 'edge lost' : 'call left out'
      }
      at = close
    } else if (!/^(?:\.|->|::|\*|\))$/.test(text)) return undefined
  }
  return undefined
}

/** The statement that returns at once from the function whose body opens here; undefined if that is not known. */
function resultOf(list, open, partner) {
  let at = open - 1
  while (/^(?:const|override|final|noexcept)$/.test(list[at]?.text ?? '')) at--
  if (list[at]?.text !== ')') return undefined
  at = partner.get(at) - 1
  // Annotations stand between the parameters and the body.
  while (/^[A-Z_]+$/.test(list[at]?.text ?? '') && list[at - 1]?.text === ')') at = partner.get(at - 1) - 1
  while (list[at]?.kind === 'word' && list[at - 1]?.text === '::') at -= 2
  const type = list[at - 1]
  if (type === undefined || list[at]?.kind !== 'word') return undefined
  if (type.text === 'void') return 'return;'
  if (type.text === 'bool') return 'return false;'
  if (/^(?:u?int\d+_t|size_t|double|int)$/.test(type.text)) return 'return 0;'
  if (type.text === '*') return 'return nullptr;'
  return undefined
}
