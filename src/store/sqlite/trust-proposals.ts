import type { ProposalState, TrustProposal, TrustStore } from '../trust-pool.ts'
import type { Database, Row } from './database.ts'
import { oneOf, text, textOrNull, where } from './rows.ts'
import { insertTrusted, toTrusted } from './vehicles.ts'

type ProposalQueries = Pick<TrustStore, 'propose' | 'proposals' | 'proposal' | 'decideProposal'>

/** What the root pools of providers list, and what was decided about it. */
export function proposalQueries(db: Database): ProposalQueries {
  const find = (usage: string, fingerprint: string): TrustProposal | undefined => {
    const row = db.get(
      'SELECT * FROM trust_proposals WHERE usage = ? AND fingerprint = ?',
      usage,
      fingerprint,
    )
    return row && toProposal(row)
  }
  return {
    propose: (proposals, at) =>
      db.write(() => {
        const added: TrustProposal[] = []
        for (const one of proposals) {
          const known = find(one.usage, one.fingerprint)
          if (known) {
            const state: ProposalState = known.state === 'withdrawn' ? 'open' : known.state
            db.run(
              'UPDATE trust_proposals SET seen_at = ?, state = ? WHERE usage = ? AND fingerprint = ?',
              at,
              state,
              one.usage,
              one.fingerprint,
            )
            if (state !== known.state) added.push({ ...known, state, seenAt: at })
            continue
          }
          db.run(
            'INSERT INTO trust_proposals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)',
            one.usage,
            one.fingerprint,
            one.provider,
            one.subject,
            Number(one.isRoot),
            one.notAfter,
            one.der,
            one.state,
            one.createdAt,
            at,
          )
          added.push(one)
        }
        return added
      }),

    proposals: async ({ state } = {}) => {
      const { clause, args } = where([['state = ?', state]])
      return db
        .all(
          `SELECT * FROM trust_proposals ${clause} ORDER BY usage, created_at, fingerprint LIMIT 1000`,
          ...args,
        )
        .map(toProposal)
    },

    proposal: async (usage, fingerprint) => find(usage, fingerprint),

    decideProposal: ({ usage, fingerprint, from, to, at }) =>
      db.write(() => {
        const known = find(usage, fingerprint)
        if (!known || !from.includes(known.state)) return false
        db.run(
          'UPDATE trust_proposals SET state = ?, decided_at = ? WHERE usage = ? AND fingerprint = ?',
          to,
          at,
          usage,
          fingerprint,
        )
        if (to === 'accepted') insertTrusted(db, { ...known, createdAt: at })
        return true
      }),
  }
}

function toProposal(row: Row): TrustProposal {
  return {
    ...toTrusted(row),
    provider: text(row, 'provider'),
    state: oneOf(row, 'state'),
    seenAt: text(row, 'seen_at'),
    decidedAt: textOrNull(row, 'decided_at'),
  }
}
