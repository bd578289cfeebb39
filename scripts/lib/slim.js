// Plugins of rolldown that keep a program small in memory. docs/performance.md has the row that they serve.

/**
 * Escapes what is not ASCII. V8 keeps the text of a file as long as its code, with two bytes per character if a single one
 * is not Latin-1.
 */
export const asAscii = {
  name: 'as-ascii',
  // Not `renderChunk`, after which rolldown prints the code once more.
  generateBundle(_options, files) {
    for (const file of Object.values(files)) if (file.type === 'chunk') file.code = escaped(file.code)
  },
}

function escaped(code) {
  return code.replace(/[^\0-\x7F]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const BUILTIN = /^let (node_\w+) = require\("(node:[\w/]+)"\);\n/gm

/**
 * Loads each module of Node when it is first used. Network, streams and cryptography take two megabytes, and a bundle in one
 * file would load them for the verb that never needs them.
 */
export const lazyBuiltins = {
  name: 'lazy-builtins',
  renderChunk(code) {
    const builtins = [...code.matchAll(BUILTIN)]
    if (builtins.length === 0) return null
    const getters = builtins.map(
      ([, local, id]) => `\tget ${local}() {\n\t\treturn keep("${local}", require("${id}"));\n\t}`,
    )
    let text = code.replace(BUILTIN, '')
    for (const [, local] of builtins) text = text.replace(new RegExp(`\\b${local}\\.`, 'g'), `builtins.${local}.`)
    const left = builtins.find(([, local]) => new RegExp(`(?<!builtins\\.)\\b${local}\\b`).test(text))
    if (left !== undefined) throw new Error(`a use of ${left[2]} was not replaced`)
    text = withoutUrls(text)
    const [head] = /^#!.*\n/.exec(text) ?? ['']
    return `${head}${KEEP}const builtins = {\n${getters.join(',\n')}\n};\n${text.slice(head.length)}`
  },
}

/** Takes `require` and the path of the file as they are: a way through URLs loads `node:module`, and the parser of URLs. */
function withoutUrls(code) {
  const text = code
    .replace(/\(0, builtins\.node_module\.createRequire\)\(require\("url"\)[^;]*?\.href\)/g, 'require')
    .replace(
      /const (\w+) = require\("url"\)[^;]*?\.href;\n\s*return \1 === undefined \? undefined : [^;]*\(\1\);/g,
      'return __filename;',
    )
  if (text.includes('require("url")')) throw new Error('a use of import.meta.url was not replaced')
  return text
}

const KEEP = `function keep(name, value) {
	Object.defineProperty(builtins, name, { value });
	return value;
}
`
