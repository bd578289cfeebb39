/** `tripline completion`: completion scripts for bash, zsh and fish, generated from the table of verbs. */
import { unknownName } from '../base/errors.js'
import { METRIC_NAMES } from '../addon/metrics.js'
import { parseArguments } from './arguments.js'
import { EXIT, UsageError, print } from './usage.js'
import { VERBS, type OptionSpec, type VerbName } from './verbs.js'

const SHELLS = { bash, zsh, fish }

export function main(words: readonly string[]): Promise<number> {
  const [shell, more] = parseArguments(words, VERBS.completion).rest
  if (shell === undefined) throw new UsageError('Say for which shell: tripline completion bash, zsh or fish')
  if (!isShell(shell)) throw new UsageError(unknownName('shell', shell, Object.keys(SHELLS)).message)
  if (more !== undefined) throw new UsageError(`tripline completion takes one shell; received '${more}' too`)
  print(SHELLS[shell]())
  return Promise.resolve(EXIT.ok)
}

function isShell(word: string): word is keyof typeof SHELLS {
  return Object.hasOwn(SHELLS, word)
}

const verbs = Object.entries(VERBS)
const words = (list: Iterable<string>): string => [...list].join(' ')

function optionWords(options: Readonly<Record<string, OptionSpec>>): string[] {
  const list: string[] = []
  for (const [long, { short }] of Object.entries(options)) {
    list.push(`--${long}`)
    if (short !== undefined) list.push(`-${short}`)
  }
  return list
}

function optionsWithValue(options: Readonly<Record<string, OptionSpec>>): string[] {
  return optionWords(Object.fromEntries(Object.entries(options).filter(([, spec]) => takesNext(spec))))
}

/** Whether the next word is its value. */
function takesNext({ value, optional = false }: OptionSpec): boolean {
  return value !== undefined && !optional
}

/** The values that an option can take; undefined if they are not a fixed list. */
function valueWords({ choices }: OptionSpec): readonly string[] | undefined {
  if (choices === 'metric') return METRIC_NAMES
  return choices === 'file' ? undefined : choices
}

/** The words that are neither options nor their values. */
function plainWords(name: VerbName): readonly string[] {
  return VERBS[name].words ?? (name === 'watch' || name === 'check' ? METRIC_NAMES : [])
}

function bash(): string {
  const cases = verbs.map(([name, { options, takesCommand = false }]) => {
    const values = Object.entries(options).flatMap(([long, spec]) => {
      if (!takesNext(spec)) return []
      const list = valueWords(spec)
      const pattern = spec.short === undefined ? `--${long}` : `--${long}|-${spec.short}`
      if (list !== undefined)
        return [`        ${pattern}) COMPREPLY=($(compgen -W '${words(list)}' -- "$current")); return ;;`]
      if (spec.choices === 'file') return [`        ${pattern}) COMPREPLY=($(compgen -f -- "$current")); return ;;`]
      return [`        ${pattern}) return ;;`]
    })
    const rest = takesCommand
      ? 'COMPREPLY=($(compgen -c -f -- "$current"))'
      : `COMPREPLY=($(compgen -W '${words(plainWords(name as VerbName))}' -- "$current"))`
    return `    ${name})
${takesCommand ? `      _tripline_command '${words(optionsWithValue(options))}' && return\n` : ''}      case $previous in
${values.join('\n')}
      esac
      case $current in
        -*) COMPREPLY=($(compgen -W '--help ${words(optionWords(options))}' -- "$current")) ;;
        *) ${rest} ;;
      esac ;;`
  })
  return `# Completes the wrapped command once the cursor is past it; $1 lists the options that take a value.
_tripline_command() {
  local at
  for ((at = 2; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
      --) ((at++)); break ;;
      # "--name=value" are three words to bash.
      -*) if [[ \${COMP_WORDS[at+1]} == = ]]; then ((at += 2)); elif [[ " $1 " == *" \${COMP_WORDS[at]} "* ]]; then ((at++)); fi ;;
      *) break ;;
    esac
  done
  ((at < COMP_CWORD)) || return 1
  if declare -F _command_offset >/dev/null; then _command_offset $at; else COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")); fi
  return 0
}
_tripline() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  [[ $current == = ]] && current=
  [[ $previous == = ]] && previous=\${COMP_WORDS[COMP_CWORD-2]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${words(Object.keys(VERBS))} --help --version' -- "$current"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
}
complete -F _tripline tripline
`
}

/** Escapes text for the quotes and brackets of a zsh specification. */
function zshText(text: string): string {
  return text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, '\\$&')
}

function zsh(): string {
  const cases = verbs.map(([name, { options, takesCommand = false }]) => {
    const specs = Object.entries(options).map(([long, spec]) => {
      const list = valueWords(spec)
      const action = list === undefined ? (spec.choices === 'file' ? '_files' : ' ') : `(${words(list)})`
      const value = takesNext(spec) ? `:${zshText(spec.value!.replaceAll("'", ''))}:${action}` : ''
      const repeat = spec.many === true ? '*' : ''
      const names = spec.short === undefined ? `'${repeat}--${long}` : `{-${spec.short},--${long}}'`
      return `      ${names}[${zshText(spec.help)}]${value}'`
    })
    const plain = plainWords(name as VerbName)
    const rest = takesCommand ? "'(-)1:command:_command_names -e' '*::arguments:_normal'" : `'*:word:(${words(plain)})'`
    return `    ${name}) _arguments -S \\\n${[...specs, `      '--help[show the options]'`, `      ${rest}`].join(' \\\n')} ;;`
  })
  const list = verbs.map(([name, { summary }]) => `'${name}:${zshText(summary)}'`)
  return `#compdef tripline
_tripline() {
  if (( CURRENT == 2 )); then
    local -a verbs=(${words(list)})
    _describe verb verbs
    return
  fi
  local verb=$words[2]
  shift words; (( CURRENT-- ))
  case $verb in
${cases.join('\n')}
  esac
}
compdef _tripline tripline
`
}

function fishText(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`
}

// Finds where the wrapped command begins. fish's own helper would take the value of an option for it.
const FISH_COMMAND = `function __tripline_command
  set -l takes_value $argv
  set -l words (commandline -opc)
  set -l at 3
  while test $at -le (count $words)
    switch $words[$at]
      case --
        echo (math $at + 1)
        return
      case '-*'
        contains -- $words[$at] $takes_value; and set at (math $at + 1)
      case '*'
        echo $at
        return
    end
    set at (math $at + 1)
  end
  return 1
end
function __tripline_complete_command
  set -l words (commandline -opc)
  set -l at (__tripline_command $argv); or set at (math (count $words) + 1)
  set -l given
  test $at -le (count $words); and set given $words[$at..]
  complete --do-complete=(string join ' ' -- (string escape -- $given) (commandline -ct))
end
`

function fish(): string {
  const lines = [`${FISH_COMMAND}complete -c tripline -f`]
  for (const [name, { summary, options, takesCommand = false }] of verbs) {
    lines.push(`complete -c tripline -n __fish_use_subcommand -a ${name} -d ${fishText(summary)}`)
    const takeValue = words(optionsWithValue(options))
    // "run" may also be a word of the wrapped command, as in "npm run".
    const isVerb = `contains -- ${name} (commandline -opc)[2]`
    const before = takesCommand ? `${isVerb}; and not __tripline_command ${takeValue} >/dev/null` : isVerb
    const here = `complete -c tripline -n '${before}'`
    lines.push(`${here} -l help -d 'show the options'`)
    for (const [long, spec] of Object.entries(options)) {
      const list = valueWords(spec)
      const short = spec.short === undefined ? '' : ` -s ${spec.short}`
      const files = spec.choices === 'file' ? ' -r -F' : ' -x'
      const value = takesNext(spec) ? `${files}${list === undefined ? '' : ` -a ${fishText(words(list))}`}` : ''
      lines.push(`${here} -l ${long}${short}${value} -d ${fishText(spec.help)}`)
    }
    const plain = plainWords(name as VerbName)
    if (plain.length > 0) lines.push(`${here} -a ${fishText(words(plain))}`)
    if (takesCommand) lines.push(`complete -c tripline -n '${isVerb}' -a '(__tripline_complete_command ${takeValue})'`)
  }
  return `${lines.join('\n')}\n`
}
