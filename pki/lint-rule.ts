import type { Certificate } from './certificate.ts'
import type { LintSeverity } from './lint.ts'

export interface LintContext {
  readonly certificate: Certificate
}

export interface LintRule {
  readonly rule: string
  readonly severity: LintSeverity
  readonly source: string
  /** What is wrong, or nothing. */
  readonly check: (context: LintContext) => string | undefined
}

export const when = (broken: boolean, message: string): string | undefined => (broken ? message : undefined)
export const isCritical = (certificate: Certificate, oid: string): boolean =>
  certificate.extensions.get(oid)?.critical === true
export const has = (certificate: Certificate, oid: string): boolean => certificate.extensions.has(oid)

export function error(
  rule: string,
  source: string,
  check: (certificate: Certificate) => string | undefined,
): LintRule {
  return { rule, severity: 'error', source, check: ({ certificate }) => check(certificate) }
}
export function warning(
  rule: string,
  source: string,
  check: (certificate: Certificate) => string | undefined,
): LintRule {
  return { rule, severity: 'warning', source, check: ({ certificate }) => check(certificate) }
}
