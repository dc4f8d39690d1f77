import type { Certificate } from './certificate.ts'
import type { GeneralName, NameConstraints } from './extensions.ts'
import { isHostName, isPresentedHost, parseMailbox, uriHost } from './host-names.ts'
import { nameValues, type RelativeName, relativeNameKey } from './name.ts'
import { OID } from './oids.ts'

/** Comparisons one path may cost: many names against many constraints grow quadratically on purpose of an attacker. */
export interface NameBudget {
  comparisons: number
}
export const MAX_NAME_COMPARISONS = 250_000

export type NameVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'nameConstraint' | 'budget'; readonly message: string }

const OK: NameVerdict = { ok: true }
const refuse = (message: string): NameVerdict => ({ ok: false, reason: 'nameConstraint', message })

/** `host` is `base` or lies below it. */
const withinDomain = (host: string, base: string): boolean =>
  base === '' || host === base || host.endsWith(`.${base}`)

/** Permitted: every host the presented name stands for must be inside. Excluded: any of them inside is enough. */
function dnsMatches(presented: string, base: string, mode: 'permitted' | 'excluded'): boolean {
  if (!presented.startsWith('*.')) return withinDomain(presented, base)
  const parent = presented.slice(2)
  if (withinDomain(parent, base)) return true
  return mode === 'excluded' && base.slice(base.indexOf('.') + 1) === parent
}

/** RFC 5280 4.2.1.10: a mailbox, a host whose mailboxes are meant, or `.domain` for all hosts below. */
function emailMatches(text: string, constraint: string): boolean {
  const mailbox = parseMailbox(text)
  if (mailbox === undefined) return false
  const wanted = parseMailbox(constraint)
  if (wanted !== undefined) return mailbox.local === wanted.local && mailbox.host === wanted.host
  return hostConstraintMatches(mailbox.host, constraint)
}

function hostConstraintMatches(host: string, constraint: string): boolean {
  const folded = constraint.toLowerCase()
  return folded.startsWith('.') ? host.endsWith(folded) : host === folded
}

function ipMatches(address: Uint8Array, range: Uint8Array): boolean {
  if (range.length !== address.length * 2) return false
  return address.every((byte, at) => {
    const mask = range[address.length + at] ?? 0
    return (byte & mask) === ((range[at] ?? 0) & mask)
  })
}

const keysOf = new WeakMap<readonly RelativeName[], string[]>()
function relativeKeys(name: readonly RelativeName[]): string[] {
  let keys = keysOf.get(name)
  if (keys === undefined) {
    keys = name.map(relativeNameKey)
    keysOf.set(name, keys)
  }
  return keys
}

function directoryMatches(name: readonly RelativeName[], base: readonly RelativeName[]): boolean {
  const [keys, wanted] = [relativeKeys(name), relativeKeys(base)]
  return wanted.length <= keys.length && wanted.every((key, at) => keys[at] === key)
}

function matches(name: GeneralName, base: GeneralName, mode: 'permitted' | 'excluded'): boolean {
  if (name.kind === 'dns' && base.kind === 'dns')
    return dnsMatches(name.value.toLowerCase(), base.value.toLowerCase(), mode)
  if (name.kind === 'email' && base.kind === 'email') return emailMatches(name.value, base.value)
  if (name.kind === 'ip' && base.kind === 'ip') return ipMatches(name.value, base.value)
  if (name.kind === 'directory' && base.kind === 'directory') return directoryMatches(name.value, base.value)
  if (name.kind === 'uri' && base.kind === 'uri') {
    const host = uriHost(name.value)
    return host !== undefined && hostConstraintMatches(host, base.value)
  }
  return false
}

function contiguous(mask: Uint8Array): boolean {
  let ended = false
  for (const byte of mask) {
    if (ended && byte !== 0) return false
    if (byte !== 0xff) {
      // Ones then zeros: the complement plus one is a power of two.
      if ((~byte & 0xff & ((~byte & 0xff) + 1)) !== 0) return false
      ended = true
    }
  }
  return true
}

/** A constraint we cannot read is refused, as leaving it out would widen what the CA may sign. */
function isReadableConstraint(base: GeneralName): boolean {
  switch (base.kind) {
    case 'dns':
      return base.value === '' || isHostName(base.value)
    case 'email':
      return base.value.includes('@')
        ? parseMailbox(base.value) !== undefined
        : isHostName(base.value.replace(/^\./, ''))
    case 'uri':
      return isHostName(base.value.replace(/^\./, ''))
    case 'ip':
      return (
        (base.value.length === 8 || base.value.length === 32) &&
        contiguous(base.value.subarray(base.value.length / 2))
      )
    default:
      return true
  }
}

/** A name that is not well formed cannot be compared, so it cannot be inside a permitted subtree either. */
function isReadableName(name: GeneralName): boolean {
  switch (name.kind) {
    case 'dns':
      return isPresentedHost(name.value.toLowerCase()) || isHostName(name.value.replace(/^\*\./, ''))
    case 'email':
      return parseMailbox(name.value) !== undefined
    case 'ip':
      return name.value.length === 4 || name.value.length === 16
    case 'uri':
      return uriHost(name.value) !== undefined
    default:
      return true
  }
}

/** Every name of a certificate that constraints apply to (RFC 5280 6.1.3 b and c, 4.2.1.10). */
export function constrainedNames(certificate: Certificate): GeneralName[] {
  const names: GeneralName[] = [...(certificate.subjectAltNames ?? [])]
  if (certificate.subject.length > 0) {
    names.push({ kind: 'directory', value: certificate.subject, der: certificate.subjectDer })
  }
  // Legacy: an e-mail address in the subject counts when the alternative names hold none.
  if (!names.some((name) => name.kind === 'email')) {
    for (const value of nameValues(certificate.subject, OID.emailAddress))
      names.push({ kind: 'email', value })
  }
  return names
}

const sameForm = (name: GeneralName, base: GeneralName): boolean =>
  name.kind === 'other' ? base.kind === 'other' && base.tag === name.tag : base.kind === name.kind

function checkName(name: GeneralName, constraints: NameConstraints): NameVerdict {
  const permitted = constraints.permitted.filter((base) => sameForm(name, base))
  const excluded = constraints.excluded.filter((base) => sameForm(name, base))
  if (permitted.length + excluded.length === 0) return OK
  if (name.kind === 'other') return refuse('A name is of a form that is constrained but cannot be compared')
  if (!isReadableName(name)) return refuse(`A ${name.kind} name under constraints is malformed`)
  if (excluded.some((base) => matches(name, base, 'excluded')))
    return refuse(`A ${name.kind} name is excluded by its issuer`)
  if (permitted.length === 0) return OK
  if (permitted.some((base) => matches(name, base, 'permitted'))) return OK
  return refuse(`A ${name.kind} name is not among those its issuer is permitted`)
}

/** Whether `certificate`'s names are allowed by `constraints` of a CA above it. */
export function checkNames(
  certificate: Certificate,
  constraints: NameConstraints,
  budget: NameBudget,
): NameVerdict {
  const all = [...constraints.permitted, ...constraints.excluded]
  if (!all.every(isReadableConstraint)) return refuse('The issuer carries a malformed name constraint')
  const names = constrainedNames(certificate)
  budget.comparisons += names.length * all.length
  if (budget.comparisons > MAX_NAME_COMPARISONS) {
    return { ok: false, reason: 'budget', message: 'Too many names against too many name constraints' }
  }
  for (const name of names) {
    const verdict = checkName(name, constraints)
    if (!verdict.ok) return verdict
  }
  return OK
}
