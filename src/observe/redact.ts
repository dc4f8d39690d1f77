/** Keeps secrets out of logs and of the audit trail. */

export const REDACTED = '[redacted]'

const SECRET_NAME = /(password|passphrase|secret|privatekey|authorization|cookie|apikey|psk)$/i
const MAX_DEPTH = 12

/**
 * A deep copy in which values of properties with secret names are replaced. OCPP's SetVariables carries the name
 * of a variable beside its value: there the name decides over the value.
 */
export function redact(value: object): object {
  const copy = redactValue(value, 0)
  return typeof copy === 'object' && copy !== null ? copy : {}
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) return '[too deep]'
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1))
  const secretVariable = 'variable' in value && isSecretVariable(value.variable)
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const secret = SECRET_NAME.test(key) || (secretVariable && key === 'attributeValue')
      return [key, secret && item !== null ? REDACTED : redactValue(item, depth + 1)]
    }),
  )
}

function isSecretVariable(variable: unknown): boolean {
  return (
    typeof variable === 'object' &&
    variable !== null &&
    'name' in variable &&
    typeof variable.name === 'string' &&
    SECRET_NAME.test(variable.name)
  )
}
