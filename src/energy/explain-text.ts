import type { BindingLimit, Escalation, EvseExplanation, RowReason } from '../../profiles/index.ts'

/** Why an EVSE gets what it gets, in one sentence for an operator. */
export function explanationText(explanation: EvseExplanation): string {
  const { code, row, source } = explanation
  switch (code) {
    case 'node-limit':
      return row ? rowText(row) : 'A limit of the site holds'
    case 'own-maximum':
      return 'The car, its cable or the EVSE takes no more'
    case 'evse-limit':
      return `A limit on this EVSE holds${source ? sourceText(source) : ''}`
    case 'takes-less':
      return 'The car draws less than it was offered; the rest went to others'
    case 'plan':
      return 'The plan keeps this share for later or for others'
    case 'waiting-for-turn':
      return `The least a car can charge with does not fit beside those whose turn it is; turns rotate${row ? `. ${rowText(row)}` : ''}`
    case 'price':
      return 'A kilowatt-hour costs more now than this session is willing to pay'
    case 'resting':
      return 'It was stopped several times in a row; it waits a little before it starts again'
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

function rowText({ kind, row, nodeId, phase, limit, source }: RowReason): string {
  const node = nodeId ?? row
  const by = source ? sourceText(source) : ''
  const value = Math.round(limit * 10) / 10
  switch (kind) {
    case 'phase':
      return `${node} is full on phase L${phase} at ${value} A${by}`
    case 'power':
      return `${node} is full at ${value} W${by}`
    case 'imbalance':
      return `The phases of ${node} may differ by no more than ${value} A, and L${phase} is there${by}`
    case 'dc-power':
      return `The power modules of ${node} are full at ${value} W${by}`
    case 'phasor':
      return `${node} is full at ${value} A${by}`
  }
}

function sourceText({ origin, sourceId, setBy, state, untilMs }: BindingLimit): string {
  if (origin === 'site') return ' (set by the site configuration)'
  const by = setBy === undefined || sourceId.startsWith(setBy) ? '' : ` of ${setBy}`
  const silent = state === 'failsafe' ? ', its failsafe value: it is silent' : ''
  const until = untilMs === null ? '' : `, until ${new Date(untilMs).toISOString().replace('.000', '')}`
  return ` (set by ${origin} ${sourceId}${by}${silent}${until})`
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
