/** Completion for shells, made from the commands themselves. */

import type { Command } from 'commander'
import { Argument } from 'commander'
import type { CommandContext } from './parts.ts'

export function addCompletion(program: Command, { io }: CommandContext): void {
  program
    .command('completion')
    .summary('print the completion script of a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      `
Examples:
  $ gridkeep completion bash > /etc/bash_completion.d/gridkeep
  $ gridkeep completion zsh > "\${fpath[1]}/_gridkeep"
  $ gridkeep completion fish > ~/.config/fish/completions/gridkeep.fish`,
    )
    .action((shell: string) => {
      const words = wordsOf(program)
      io.out(shell === 'fish' ? fish(words) : shell === 'zsh' ? zsh(words) : bash(words))
    })
}

/** What may follow each path of commands: `station` -> add, list, show, and the flags. */
type Words = ReadonlyMap<string, readonly string[]>

function wordsOf(program: Command): Words {
  const words = new Map<string, readonly string[]>()
  const visit = (command: Command, path: string) => {
    const flags = command.options.flatMap((option) => option.long ?? [])
    words.set(path, [...command.commands.map((child) => child.name()), ...flags, '--help'])
    for (const child of command.commands) visit(child, path === '' ? child.name() : `${path} ${child.name()}`)
  }
  visit(program, '')
  return words
}

function bash(words: Words): string {
  const cases = [...words].map(([path, following]) => `    "${path}") words="${following.join(' ')}" ;;`)
  return `# bash completion of gridkeep
_gridkeep() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      -*) ;;
      *) [ "$(printf '%s' "$path" | wc -w)" -lt 2 ] && path="\${path:+$path }$word" ;;
    esac
  done
  while :; do
    case "$path" in
${cases.map((line) => `  ${line}`).join('\n')}
      *) words="" ;;
    esac
    [ -n "$words" ] || [ -z "$path" ] && break
    # An argument is no command: complete what its command offers.
    case "$path" in *" "*) path="\${path% *}" ;; *) path="" ;; esac
  done
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _gridkeep gridkeep
`
}

function zsh(words: Words): string {
  return `#compdef gridkeep
autoload -U +X bashcompinit && bashcompinit
${bash(words)}`
}

function fish(words: Words): string {
  const lines = [...words].flatMap(([path, following]) => {
    const steps = path.split(' ').filter((word) => word !== '')
    const condition =
      steps.length === 0
        ? '__fish_use_subcommand'
        : steps.map((step) => `__fish_seen_subcommand_from ${step}`).join('; and ')
    return following.map((word) =>
      word.startsWith('--')
        ? `complete -c gridkeep -n "${condition}" -l ${word.slice(2)}`
        : `complete -c gridkeep -n "${condition}" -f -a ${word}`,
    )
  })
  return `# fish completion of gridkeep\n${lines.join('\n')}\n`
}
