import type { Escalation, EvseExplanation } from '../../profiles/index.ts'

/** Why an EVSE gets what it gets, in one sentence for an operator. */
export function explanationText(explanation: EvseExplanation): string {
  const { code, row, source } = explanation
  const binding = row?.source ?? source
  const setBy = binding
    ? ` (set by ${binding.origin === 'site' ? 'the site configuration' : `${binding.origin} ${binding.sourceId}`})`
    : ''
  switch (code) {
    case 'node-limit':
      return `${row?.nodeId ?? 'A node'} is full${row?.phase ? ` on phase L${row.phase}` : ''} at ${row?.limit ?? '?'} ${row?.phase ? 'A' : 'W'}${setBy}`
    case 'own-maximum':
      return 'The car, its cable or the EVSE takes no more'
    case 'evse-limit':
      return `A limit on this EVSE holds${setBy}`
    case 'takes-less':
      return 'The car draws less than it was offered; the rest went to others'
    case 'plan':
      return 'The plan keeps this share for later or for others'
    case 'waiting-for-turn':
      return 'The least a car can charge with does not fit beside those whose turn it is; turns rotate'
    case 'waiting-for-others':
      return 'Others have to give way and confirm it first'
    case 'within-deadband':
      return 'The change is too small to be worth a message'
    case 'no-session':
      return 'No car is charging here'
    case 'offline':
      return 'The station is offline and is budgeted at its worst case'
    case 'never-seen':
      return 'The station has never connected and is budgeted at its maximum'
    case 'disobeys':
      return 'The station draws more than it accepted and is budgeted at its maximum'
    case 'no-safe-default':
      return 'The station has not accepted its safe default yet'
    case 'smart-charging-off':
      return 'Smart charging is switched off on the station'
    case 'lease-refused':
      return 'The station refuses the charging profiles it is sent'
  }
}

const CAUSES: Readonly<Record<Escalation['cause'], string>> = {
  refuses: 'It refuses its limits',
  'draws-more': 'It draws more than it accepted',
  'holds-more': 'Asked what it holds, it named more than it accepted',
}
const STEPS: Readonly<Record<Escalation['step'], string>> = {
  retry: 'it is told once more',
  'other-unit': 'it is told in its other unit',
  'station-cap': 'the station is capped as a whole',
  'worst-case': 'it counts with all it can give and gets the least; look at the station',
}

/** What is done about a station that does not hold or follow its limit. */
export function escalationText({ cause, step }: Escalation): string {
  return `${CAUSES[cause]}: ${STEPS[step]}`
}
