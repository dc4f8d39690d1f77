/** What a command may touch of the process: tests hand in their own. */

export interface CliIo {
  /** Results. */
  out(text: string): void
  /** Diagnostics, progress, warnings. */
  err(text: string): void
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether standard error is a terminal, so that progress may redraw a line. */
  readonly interactive: boolean
  /** Aborted by Ctrl-C or SIGTERM: whoever runs for long ends in good order. */
  readonly signal: AbortSignal
  readStdin(): Promise<string>
}

/** 0 done, 1 failed, 2 wrong usage or configuration. */
export type ExitCode = 0 | 1 | 2

/** A command that could not do its work: the message says what to do next. */
export class CliFailure extends Error {
  readonly code: string
  readonly exitCode: ExitCode

  constructor(code: string, message: string, exitCode: ExitCode = 1) {
    super(message)
    this.name = 'CliFailure'
    this.code = code
    this.exitCode = exitCode
  }
}

/** A column per key of the first row; numbers to the right, everything else to the left. */
export function table(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [columns, ...rows.map((row) => row.map(cell))]
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)))
  return cells
    .map((row) =>
      row
        .map((text, index) => text.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return String(value)
}

/** `--json`: exactly one document on standard output; otherwise text for people. */
export function print(io: CliIo, json: boolean, value: unknown, text: () => string): void {
  io.out(json ? `${JSON.stringify(value)}\n` : `${text()}\n`)
}
