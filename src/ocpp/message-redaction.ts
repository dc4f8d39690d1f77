/** What of a message may be kept in the log: everything but secrets. */

const REDACTED = '[redacted]'
/** Fields of messages, and variables of the device model. */
const SECRET_NAME = /(password|passphrase|secret|privatekey|psk)$/i
/** EXI of contract provisioning: the private key of a contract is inside, encrypted for the car. */
const SEALED = new Set(['exiRequest', 'exiResponse'])
/** Passwords in addresses of log and firmware servers. */
const USER_INFO = /\/\/[^\s/@]*@/g
const MAX_DEPTH = 32

/** A copy for the log. Names of fields and, where a variable has a secret name, of its values decide. */
export function keepable(payload: unknown): unknown {
  return copy(payload, '', 0)
}

function copy(value: unknown, field: string, depth: number): unknown {
  if (SECRET_NAME.test(field)) return REDACTED
  if (typeof value === 'string') {
    if (SEALED.has(field)) return `[${value.length} characters]`
    return value.includes('@') ? value.replaceAll(USER_INFO, `//${REDACTED}@`) : value
  }
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) return '[too deep]'
  if (Array.isArray(value)) return value.map((item) => copy(item, '', depth + 1))
  const isSecretVariable = namesSecret(value)
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      const isSecret =
        (isSecretVariable && VALUES.has(name)) || (field === 'vpn' && (name === 'key' || name === 'user'))
      return [name, isSecret ? REDACTED : copy(item, name, depth + 1)]
    }),
  )
}

/** Where SetVariables, GetVariables, reports and events carry the value of a variable. */
const VALUES = new Set(['attributeValue', 'actualValue', 'variableAttribute', 'value'])

function namesSecret(value: object): boolean {
  const variable: unknown = 'variable' in value ? value.variable : undefined
  if (typeof variable !== 'object' || variable === null || !('name' in variable)) return false
  return typeof variable.name === 'string' && SECRET_NAME.test(variable.name)
}
