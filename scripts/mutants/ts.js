// Finds where the operators of mutation fit in TypeScript, on its syntax tree. Types are left alone.
import { parseSync } from 'rolldown/utils'
import { BOUNDARY, hasNoBoundary, EDGE_CALL, OPPOSITE, RELEASE_CALL, RESET_VALUE } from './operators.js'

/** The nodes of types in which there is code. */
const WITH_CODE = new Set(['TSAsExpression', 'TSNonNullExpression', 'TSSatisfiesExpression'])
const TYPES = new Set([
  'typeAnnotation',
  'typeParameters',
  'typeArguments',
  'returnType',
  'superTypeArguments',
  'implements',
])
const LISTS = new Map(Object.entries({ some: 'every', every: 'some', min: 'max', max: 'min' }))

/** Where the operators fit: `{ operator, start, end, replacement }`. */
export function sites(text, file) {
  const { program, errors } = parseSync(file, text, { lang: 'ts' })
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`)
  const found = []
  const add = (operator, { start, end }, replacement) => found.push({ operator, start, end, replacement })
  const source = ({ start, end }) => text.slice(start, end)

  /** The place of an operator between two operands. */
  const between = (left, right, sign) => {
    const start = text.indexOf(sign, left.end)
    return start < 0 || start >= right.start ? undefined : { start, end: start + sign.length }
  }
  const onCondition = (test, withTrue) => {
    add('condition negated', test, `!(${source(test)})`)
    add('branch forced', test, 'false')
    if (withTrue) add('branch forced', test, 'true')
  }
  const onOperands = ({ left, right, operator }) => {
    const place = between(left, right, operator)
    if (place === undefined) return
    const opposite = OPPOSITE[operator]
    if (opposite !== undefined) add(opposite.operator, place, opposite.to)
    if (operator === '??') add('branch forced', { start: left.start, end: right.end }, source(left))
    const boundary = BOUNDARY[operator]
    if (boundary !== undefined && !hasNoBoundary(text, place.start)) add('boundary off by one', place, boundary)
    if (/^[+-]$/.test(operator) && right.type === 'Literal' && right.value === 1) {
      add('boundary off by one', { start: left.end, end: right.end }, '')
    }
  }
  const onFunction = ({ body, async, generator }, returns) => {
    if (body?.type !== 'BlockStatement' || body.body.length === 0) return
    const type = returns == null ? '' : source(returns).replace(/^:\s*/, '')
    const result = { void: 'return;', boolean: 'return false;', number: 'return 0;' }[type]
    const asynchronous = async && type === 'Promise<void>' ? 'return;' : undefined
    const statement = type === '' || generator ? undefined : (result ?? asynchronous)
    // Not where that is what it does.
    const same = statement?.replace(';', '') === source(body.body[0]).replace(';', '')
    if (statement !== undefined && !same)
      add('early return', { start: body.start + 1, end: body.start + 1 }, ` ${statement}`)
  }
  const onStatement = (node) => {
    const expression =
      node.expression.type === 'UnaryExpression' && node.expression.operator === 'void'
        ? node.expression.argument
        : node.expression
    if (expression.type === 'UpdateExpression') add('edge lost', node, ';')
    if (expression.type === 'AssignmentExpression') {
      const reset = expression.operator === '=' && RESET_VALUE.test(source(expression.right).replaceAll(/\s|<.*>/g, ''))
      add(reset ? 'reset left out' : 'edge lost', node, ';')
    }
    if (expression.type === 'UnaryExpression' && expression.operator === 'delete') add('release left out', node, ';')
    const call =
      expression.type === 'ChainExpression'
        ? expression.expression
        : expression.type === 'AwaitExpression'
          ? expression.argument
          : expression
    if (call.type !== 'CallExpression' || call.callee.type === 'Super') return
    const name = /#?(\w+)\W*$/.exec(source(call.callee))?.[1] ?? ''
    add(RELEASE_CALL.test(name) ? 'release left out' : EDGE_CALL.test(name) ? 'edge lost' : 'call left out', node, ';')
  }

  const visit = (node, parent) => {
    if (node.type.startsWith('TS') && !WITH_CODE.has(node.type)) return
    if (node.type === 'ImportDeclaration' || (node.type.startsWith('Export') && node.source)) return
    if (node.type === 'BinaryExpression' || node.type === 'LogicalExpression') onOperands(node)
    if (node.type === 'IfStatement') onCondition(node.test, true)
    if (node.type === 'ConditionalExpression') onCondition(node.test, true)
    if (node.type === 'WhileStatement') onCondition(node.test, false)
    if (node.type === 'ExpressionStatement' && node.directive == null) onStatement(node)
    if (/Function/.test(node.type)) onFunction(node, node.returnType)
    if (node.type === 'Literal' && typeof node.value === 'number' && node.value >= 10) {
      add('unit off by ten', node, `(${source(node)} * 10)`)
    }
    if (node.type === 'ReturnStatement' && typeof node.argument?.value === 'boolean') {
      add('edge lost', node.argument, String(!node.argument.value))
    }
    if (node.type === 'MemberExpression' && parent?.type === 'CallExpression' && parent.callee === node) {
      const other = LISTS.get(node.property.name)
      const numbers = ['min', 'max'].includes(node.property.name)
      if (other !== undefined && (!numbers || source(node.object) === 'Math')) {
        add(numbers ? 'comparison flipped' : 'any for all', node.property, other)
      }
    }
    for (const [key, value] of Object.entries(node)) {
      if (TYPES.has(key) && !(WITH_CODE.has(node.type) && key === 'expression')) continue
      for (const each of Array.isArray(value) ? value : [value]) {
        if (typeof each?.type === 'string') visit(each, node)
      }
    }
  }
  visit(program, undefined)
  return found
}
