/** Three verdicts in plain words, and below them what needs attention, worst first. */

import { useLoaded, useNow } from '../data.ts'
import { useSiteStatuses } from '../live-sites.ts'
import { Badge, Empty, Heading, Panel, When } from '../parts/basics.tsx'
import { href } from '../router.ts'
import type { Tone } from '../tone.ts'
import { judge } from '../verdicts/judge.ts'
import { concernsOverview, type Facts, readFacts } from '../verdicts/read.ts'
import type { Verdict } from '../verdicts/verdict.ts'

export function Overview() {
  const loaded = useLoaded('overview', readFacts, concernsOverview)
  return (
    <div class="screen">
      <Heading title="Overview" />
      <When loaded={loaded}>{(facts) => <Verdicts facts={facts} />}</When>
    </div>
  )
}

function Verdicts({ facts }: { readonly facts: Facts }) {
  const nowMs = useNow()
  const statuses = useSiteStatuses([...facts.statuses.keys()])
  const verdicts = judge({ ...facts, statuses: new Map([...facts.statuses, ...statuses]) }, nowMs)
  const attention = verdicts
    .flatMap((verdict) => verdict.attention)
    .sort((a, b) => rank(a.tone) - rank(b.tone))
  return (
    <>
      <div class="verdicts">
        {verdicts.map((verdict) => (
          <VerdictTile key={verdict.about} verdict={verdict} />
        ))}
      </div>
      <Panel title="Needs attention" flush>
        {attention.length === 0 ? (
          <Empty>Nothing needs attention.</Empty>
        ) : (
          <ul class="attention">
            {attention.slice(0, 50).map((item) => (
              <li key={item.text}>
                <Badge tone={item.tone}>{item.about}</Badge>
                <span>{item.text}</span>
                <a href={item.href}>{item.act}</a>
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </>
  )
}

const WORD: Readonly<Record<Tone, string>> = {
  ok: 'Good',
  warn: 'Look soon',
  bad: 'Act now',
  none: 'Nothing yet',
}

function VerdictTile({ verdict }: { readonly verdict: Verdict }) {
  const { about, tone, sentence, detail, place } = verdict
  return (
    <section class={`panel verdict ${tone}`} aria-label={about}>
      <div class="row between">
        <h2>
          <a href={href([place])}>{about}</a>
        </h2>
        <Badge tone={tone}>{WORD[tone]}</Badge>
      </div>
      <p class="sentence">{sentence}</p>
      <p class="soft">{detail}</p>
    </section>
  )
}

const ORDER: readonly Tone[] = ['bad', 'warn', 'none', 'ok']
const rank = (tone: Tone): number => ORDER.indexOf(tone)
