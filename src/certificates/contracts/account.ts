import { emaidCheckDigit, parseEmaid } from '../../../pki/index.ts'
import type { ContractRecord, ContractStore } from '../../store/contracts.ts'
import type { AccountStanding } from '../ports.ts'

/** Undefined: the contract may be used; otherwise what OCPP calls the status of its eMAID. */
export function contractStatus(
  { state, validUntil }: Pick<ContractRecord, 'state' | 'validUntil'>,
  nowMs: number,
): 'Blocked' | 'Expired' | 'Invalid' | undefined {
  if (state === 'suspended') return 'Blocked'
  if (state === 'terminated') return 'Invalid'
  return validUntil !== null && Date.parse(validUntil) <= nowMs ? 'Expired' : undefined
}

/** An account is good while one of its contracts is; otherwise the newest says what is wrong with it. */
export async function accountStanding(
  contracts: Pick<ContractStore, 'forAccount'>,
  text: string,
  nowMs: number,
): Promise<AccountStanding> {
  const emaid = parseEmaid(text)
  if (!emaid) return { status: undefined, spellings: [text] }
  const all = await contracts.forAccount(emaid.text)
  const statuses = all.map((contract) => contractStatus(contract, nowMs) ?? 'Accepted')
  const status = statuses.includes('Accepted') ? 'Accepted' : statuses[0]
  return { status, spellings: [...new Set([text, ...spellingsOf(emaid)])] }
}

function spellingsOf({
  text,
  country,
  provider,
  instance,
}: NonNullable<ReturnType<typeof parseEmaid>>): string[] {
  const short = text.slice(0, 14)
  const digit = emaidCheckDigit(short)
  const hyphened = `${country}-${provider}-${instance}`
  return [text, short, short + digit, hyphened, `${hyphened}-${digit}`]
}
