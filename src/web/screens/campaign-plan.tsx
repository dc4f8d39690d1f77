/** The plan of a campaign as a form. Planning runs the preflight and sends nothing. */

import { useState } from 'preact/hooks'
import { useSubmit } from '../act.ts'
import { change, read, readAll, type Schemas } from '../api.ts'
import { useLoaded } from '../data.ts'
import { commonName } from '../format.ts'
import { Empty, Failure, Heading, Panel, When } from '../parts/basics.tsx'
import { CheckField, SelectField, TextField } from '../parts/fields.tsx'
import { href } from '../router.ts'
import { may } from '../signed-in.ts'
import { idOf, limitsOf, listOf, type RoughLimits } from './campaign-limits.ts'
import { KIND, type Kind } from './campaign-words.ts'

type Anchor = Schemas['TrustAnchor']
type Parameters = NonNullable<Schemas['CampaignOrder']['parameters']>

async function readChoices() {
  const [anchors, stations, sites] = await Promise.all([
    read('/trust/anchors'),
    readAll((query) => read('/stations', { query })),
    read('/sites'),
  ])
  const groups = [...new Set(stations.items.flatMap(({ group }) => (group === null ? [] : [group])))].sort()
  return { anchors: anchors.items, groups, sites: sites.items.map(({ id }) => id) }
}

export function CampaignPlan() {
  const loaded = useLoaded('campaign choices', readChoices)
  return (
    <div class="screen">
      <Heading
        title="Plan a campaign"
        crumbs={<a href="#/campaigns">Campaigns</a>}
        note="Planning looks at every station and says who takes part. Nothing is sent before it is started."
      />
      {may('secure') ? (
        <When loaded={loaded}>{(choices) => <PlanForm {...choices} />}</When>
      ) : (
        <Panel>
          <Empty>Only a key with the role security or admin may plan campaigns.</Empty>
        </Panel>
      )}
    </div>
  )
}

interface Choices {
  readonly anchors: readonly Anchor[]
  readonly groups: readonly string[]
  readonly sites: readonly string[]
}

const KINDS = (Object.keys(KIND) as Kind[]).map((kind) => [kind, KIND[kind].name] as const)
type Target = 'all' | 'group' | 'site' | 'stations'

function PlanForm({ anchors, groups, sites }: Choices) {
  const [kind, setKind] = useState<Kind>('csms-root-rollover')
  const [name, setName] = useState('')
  const [target, setTarget] = useState<Target>('all')
  const [which, setWhich] = useState('')
  const [parameters, setParameters] = useState<Parameters>({})
  const [limits, setLimits] = useState<RoughLimits>({
    waves: '3, 10 %, 50 %',
    perHour: '1000',
    perSite: '10',
    maxFailuresPercent: '5',
    soakMinutes: '5',
  })
  const { busy, error, run } = useSubmit()

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    await run(async () => {
      const body = { kind, name, targets: targetsOf(target, which), parameters, limits: limitsOf(limits) }
      location.hash = href(['campaigns', idOf(await change('POST', '/campaigns', { body }))])
    })
  }

  return (
    <form class="stack" onSubmit={submit}>
      <div class="columns">
        <Panel title="What">
          <div class="stack">
            <SelectField
              label="Kind"
              value={kind}
              options={KINDS}
              onChange={(chosen) => {
                setKind(chosen)
                setParameters({})
              }}
              hint={KIND[kind].what}
            />
            <TextField label="Name" value={name} required placeholder="CSMS root 2027" onInput={setName} />
            <KindFields kind={kind} anchors={anchors} value={parameters} onChange={setParameters} />
          </div>
        </Panel>
        <Panel title="Who">
          <div class="stack">
            <SelectField
              label="Stations"
              value={target}
              options={TARGETS}
              onChange={(chosen) => {
                setTarget(chosen)
                setWhich('')
              }}
            />
            {target !== 'all' && (
              <TextField
                label={TARGETS.find(([one]) => one === target)?.[1] ?? ''}
                value={which}
                required
                placeholder={
                  target === 'group'
                    ? groups.join(', ')
                    : target === 'site'
                      ? sites.join(', ')
                      : 'CS-001, CS-002'
                }
                hint="Names, separated by commas."
                onInput={setWhich}
              />
            )}
          </div>
        </Panel>
        <Panel title="How fast">
          <LimitFields value={limits} onChange={setLimits} />
        </Panel>
      </div>
      {error && <Failure error={error} />}
      <div>
        <button type="submit" class="primary" disabled={busy}>
          {busy ? 'Looking at the fleet' : 'Plan'}
        </button>
      </div>
    </form>
  )
}

const TARGETS: readonly (readonly [Target, string])[] = [
  ['all', 'All stations'],
  ['group', 'Stations of groups'],
  ['site', 'Stations of sites'],
  ['stations', 'These stations'],
]

function targetsOf(target: Target, which: string): Schemas['CampaignOrder']['targets'] {
  if (target === 'all') return { all: true }
  const names = listOf(which)
  return target === 'group' ? { groups: names } : target === 'site' ? { sites: names } : { stations: names }
}

type Flag = 'holdBeforeCutover' | 'revertOnHalt' | 'keepOldRoot' | 'allowProfile1' | 'newGeneration'

/** Of the station's network profiles: one that nothing else here uses. */
const FALLBACK_SLOT = 3

interface KindFieldsProps {
  readonly kind: Kind
  readonly anchors: readonly Anchor[]
  readonly value: Parameters
  readonly onChange: (value: Parameters) => void
}

function KindFields({ kind, anchors, value, onChange }: KindFieldsProps) {
  const flag = (name: Flag, label: string) => (
    <CheckField
      label={label}
      checked={value[name] === true}
      onChange={(checked) => onChange({ ...value, [name]: checked })}
    />
  )
  if (kind === 'csms-root-rollover')
    return (
      <>
        {flag('holdBeforeCutover', 'Wait for me before the new chain is shown')}
        {flag('revertOnHalt', 'Show the old chain again when too many do not come back')}
        {flag('keepOldRoot', 'Leave the old root on the stations')}
        <TextField
          label="Address of the former chain, for stations that cannot follow"
          value={value.fallback?.url ?? ''}
          placeholder="wss://csms.example.com:9444"
          hint="Given to each station first, behind all its other addresses. May be left out."
          onInput={(url) => {
            const { fallback: _, ...rest } = value
            onChange(url === '' ? rest : { ...rest, fallback: { url, slot: FALLBACK_SLOT } })
          }}
        />
      </>
    )
  if (kind === 'station-leaf' || kind === 'secc-leaf')
    return flag('newGeneration', 'From a new generation of their authority')
  if (kind === 'roots')
    return (
      <>
        <Roots title="Install" name="install" anchors={anchors} value={value} onChange={onChange} />
        <Roots title="Remove" name="remove" anchors={anchors} value={value} onChange={onChange} />
        {flag('allowProfile1', 'Also over connections without TLS')}
      </>
    )
  if (kind === 'security-profile')
    return (
      <>
        <SelectField
          label="To profile"
          value={value.toProfile === 2 ? '2' : '3'}
          options={[
            ['3', '3: its own certificate'],
            ['2', '2: TLS and a password'],
          ]}
          onChange={(chosen) => onChange({ ...value, toProfile: chosen === '2' ? 2 : 3 })}
        />
        <TextField
          label="Address of this CSMS"
          value={value.url ?? ''}
          required
          placeholder="wss://csms.example.com:9443"
          onInput={(url) => onChange({ ...value, url })}
        />
      </>
    )
  return null
}

function Roots({
  title,
  name,
  anchors,
  value,
  onChange,
}: {
  readonly title: string
  readonly name: 'install' | 'remove'
  readonly anchors: readonly Anchor[]
  readonly value: Parameters
  readonly onChange: (value: Parameters) => void
}) {
  const chosen = value[name] ?? []
  return (
    <fieldset class="stack">
      <legend>{title}</legend>
      {anchors.length === 0 && (
        <span class="soft small">
          No root is known. Add one under <a href="#/trust">Trust anchors</a>.
        </span>
      )}
      {anchors.map(({ use, fingerprint, subject }) => {
        const isThis = (one: { use: string; fingerprint: string }) =>
          one.use === use && one.fingerprint === fingerprint
        return (
          <CheckField
            key={use + fingerprint}
            label={`${commonName(subject)} (${use})`}
            checked={chosen.some(isThis)}
            onChange={(checked) =>
              onChange({
                ...value,
                [name]: checked ? [...chosen, { use, fingerprint }] : chosen.filter((one) => !isThis(one)),
              })
            }
          />
        )
      })}
    </fieldset>
  )
}

function LimitFields(props: {
  readonly value: RoughLimits
  readonly onChange: (value: RoughLimits) => void
}) {
  const { value, onChange } = props
  const field = (name: keyof RoughLimits, label: string, hint?: string) => (
    <TextField
      label={label}
      value={value[name]}
      required
      type={name === 'waves' ? 'text' : 'number'}
      {...(hint === undefined ? {} : { hint })}
      onInput={(text) => onChange({ ...value, [name]: text })}
    />
  )
  return (
    <div class="stack">
      {field('waves', 'First waves', 'Stations or percent of all; what is left is the last wave.')}
      <div class="fields">
        {field('perHour', 'Stations per hour')}
        {field('perSite', 'At once per site')}
        {field('maxFailuresPercent', 'Halt above % failed')}
        {field('soakMinutes', 'Minutes between waves')}
      </div>
    </div>
  )
}
