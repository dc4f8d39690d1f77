import type { CampaignAction, CampaignOrder, CampaignReport } from '../../certificates/fleet/ports.ts'
import { isoNow } from '../../observe/clock.ts'
import type { Requests } from '../../ocpp/v201/messages.generated.ts'
import type { Campaign, TrustAnchor, TrustPolicy } from '../../store/fleet.ts'
import type { components } from '../api.generated.ts'
import type { Operations } from '../operation.ts'
import { DEFAULT_PAGE, defined, pick } from '../pages.ts'
import { ApiProblem } from '../problems.ts'
import type { ApiServices, FleetApi } from '../services.ts'
import { callProblem } from './calls.ts'
import { requireStation } from './stations.ts'

type Schemas = components['schemas']

/** An exception that lasts longer is none. */
const LONGEST_PERMIT_MS = 31 * 86_400_000

export type FleetOperations = Pick<
  Operations,
  | 'listTrustAnchors'
  | 'createTrustAnchor'
  | 'deleteTrustAnchor'
  | 'listTrustPolicies'
  | 'putTrustPolicy'
  | 'deleteTrustPolicy'
  | 'listTrustDrift'
  | 'listServerChains'
  | 'putExpiredCertificatePermit'
  | 'deleteExpiredCertificatePermit'
  | 'listInstalledCertificates'
  | 'createStationInventory'
  | 'createCompromiseResponse'
  | 'createFirmwareUpdate'
>

/** What stations trust: anchors, policies, drift, and what one station holds. */
export function fleetOperations(services: ApiServices): FleetOperations {
  const { store, clock } = services
  const inventoryOf = async (stationId: string): Promise<Schemas['StationInventory']> => {
    if ((await store.stations.get(stationId)) === undefined) throw unknownStation(stationId)
    const trust = await store.fleet.trust(stationId)
    return {
      inventoryAt: trust?.inventoryAt ?? null,
      detail: trust?.detail ?? null,
      serverChain: (await fleetOf(services).shownAuthority(trust?.shown ?? null)) ?? null,
      items: (await store.fleet.installed(stationId)).map(({ stationId: _, ...row }) => row),
      drift: await fleetOf(services).drift({ stationId }),
    }
  }
  return {
    listTrustAnchors: async () => ({
      status: 200,
      body: { items: (await store.fleet.anchors()).map(toAnchor) },
    }),

    createTrustAnchor: async ({ body, principal }) => {
      const result = await fleetOf(services).addAnchor(body.use, body.pem, principal.name)
      if (!result.ok) throw new ApiProblem('trust.invalid', result.message)
      return {
        status: 201,
        body: toAnchor(result.anchor),
        audit: {
          action: 'trust.anchor.create',
          subject: result.anchor.fingerprint,
          detail: { use: body.use },
        },
      }
    },

    deleteTrustAnchor: async ({ path }) => {
      if (!(await store.fleet.removeAnchor(path.use, path.fingerprint)))
        throw new ApiProblem('trust.unknown', 'There is no such anchor, or a policy still names it.')
      return {
        status: 204,
        audit: { action: 'trust.anchor.delete', subject: path.fingerprint, detail: { use: path.use } },
      }
    },

    listTrustPolicies: async () => ({
      status: 200,
      body: { items: (await store.fleet.policies()).map(copied) },
    }),

    putTrustPolicy: async ({ path, body, principal }) => {
      const known = await store.fleet.anchors()
      const missing = body.fingerprints.find(
        (one) => !known.some(({ use, fingerprint }) => use === body.use && fingerprint === one),
      )
      if (missing !== undefined)
        throw new ApiProblem('trust.invalid', `There is no anchor ${missing} for ${body.use}: add it first.`)
      const scopeId = body.scopeId ?? ''
      if ((scopeId === '') !== (body.scope === 'all'))
        throw new ApiProblem(
          'trust.invalid',
          'scopeId names the site, group or station; it is empty for scope "all" only.',
        )
      const policy: TrustPolicy = {
        ...body,
        scopeId,
        id: path.policyId,
        setBy: principal.name,
        updatedAt: isoNow(clock),
      }
      await store.fleet.putPolicy(policy)
      fleetOf(services).policiesChanged()
      return {
        status: 200,
        body: copied(policy),
        audit: { action: 'trust.policy.put', subject: path.policyId, detail: body },
      }
    },

    deleteTrustPolicy: async ({ path }) => {
      if (!(await store.fleet.removePolicy(path.policyId)))
        throw new ApiProblem('trust.unknown', `There is no policy ${path.policyId}.`)
      return { status: 204, audit: { action: 'trust.policy.delete', subject: path.policyId, detail: {} } }
    },

    listTrustDrift: async ({ query }) => ({
      status: 200,
      body: { items: await fleetOf(services).drift(defined(query)) },
    }),

    listServerChains: async () => ({
      status: 200,
      body: { items: [...(await fleetOf(services).serverChains())] },
    }),

    putExpiredCertificatePermit: async ({ path, body, principal }) => {
      const untilMs = Date.parse(body.until)
      if (untilMs <= clock.now() || untilMs > clock.now() + LONGEST_PERMIT_MS)
        throw new ApiProblem('trust.invalid', 'until is a time of the next 31 days.')
      if (!(await fleetOf(services).permitExpired(path.stationId, untilMs, principal.name)))
        throw unknownStation(path.stationId)
      return {
        status: 204,
        audit: { action: 'station.expired-certificate', subject: path.stationId, detail: body },
      }
    },

    deleteExpiredCertificatePermit: async ({ path, principal }) => {
      if (!(await fleetOf(services).permitExpired(path.stationId, undefined, principal.name)))
        throw unknownStation(path.stationId)
      return {
        status: 204,
        audit: { action: 'station.expired-certificate', subject: path.stationId, detail: { until: null } },
      }
    },

    listInstalledCertificates: async ({ path }) => ({ status: 200, body: await inventoryOf(path.stationId) }),

    createStationInventory: async ({ path }) => {
      await requireStation(services, path.stationId)
      const trouble = await fleetOf(services).refreshInventory(path.stationId)
      if (trouble !== undefined)
        throw new ApiProblem(
          trouble === 'offline' ? 'station.offline' : 'station.refused',
          `The station said nothing: ${trouble}.`,
        )
      return {
        status: 200,
        body: await inventoryOf(path.stationId),
        audit: { action: 'trust.inventory', subject: path.stationId, detail: {} },
      }
    },

    createCompromiseResponse: async ({ path, body, principal }) => {
      const report = await fleetOf(services).compromise(path.stationId, {
        actor: principal.name,
        block: body.block ?? true,
        rekey: body.rekey ?? false,
      })
      if (report === undefined) throw unknownStation(path.stationId)
      const { revoked, alreadyRevoked, nextSteps } = report
      return {
        status: 200,
        body: {
          ...report,
          revoked: [...revoked],
          alreadyRevoked: [...alreadyRevoked],
          nextSteps: [...nextSteps],
        },
        audit: { action: 'station.compromise', subject: path.stationId, detail: { revoked: revoked.length } },
      }
    },

    createFirmwareUpdate: async ({ path, body, principal }) => {
      await requireStation(services, path.stationId)
      const verdict = await fleetOf(services).checkFirmware(body)
      if (!verdict.ok) throw new ApiProblem('firmware.untrusted', `${verdict.reason}: ${verdict.message}`)
      // The order service fills in the number.
      const request = { firmware: body } as Requests['UpdateFirmware']
      const { order, outcome } = await services.orders.place(path.stationId, 'UpdateFirmware', request, {
        actor: principal.name,
      })
      const audit = {
        action: 'station.firmware',
        subject: path.stationId,
        detail: {
          location: body.location,
          signer: verdict.subject,
          file: verdict.file,
          outcome: outcome.kind,
        },
      }
      if (outcome.kind !== 'answered')
        return {
          problem: callProblem(path.stationId, 'UpdateFirmware', outcome, { orderId: order.id }),
          audit,
        }
      const { id: orderId, state } = order
      return { status: 200, body: { orderId, state, outcome: order.outcome, file: verdict.file }, audit }
    },
  }
}

export type CampaignOperations = Pick<
  Operations,
  'listCampaigns' | 'createCampaign' | 'getCampaign' | 'listCampaignStations' | 'createCampaignAction'
>

export function campaignOperations(services: ApiServices): CampaignOperations {
  const { store } = services
  return {
    listCampaigns: async () => ({
      status: 200,
      body: { items: (await store.fleet.campaigns({ limit: 1000 })).map(toCampaign) },
    }),

    createCampaign: async ({ body, principal }) => {
      const campaign = await refusable(() =>
        fleetOf(services).planCampaign(defined(body) as CampaignOrder, principal.name),
      )
      return {
        status: 201,
        body: toReport(await fleetOf(services).campaignReport(campaign.id)),
        audit: {
          action: 'campaign.create',
          subject: campaign.id,
          detail: { kind: body.kind, name: body.name },
        },
      }
    },

    getCampaign: async ({ path }) => ({
      status: 200,
      body: toReport(await refusable(() => fleetOf(services).campaignReport(path.campaignId))),
    }),

    listCampaignStations: async ({ path, query }) => {
      await refusable(() => fleetOf(services).campaignReport(path.campaignId))
      return {
        status: 200,
        body: {
          items: (
            await store.fleet.campaignStations(path.campaignId, { limit: DEFAULT_PAGE, ...defined(query) })
          ).map((row) =>
            pick(row, [
              'stationId',
              'siteId',
              'wave',
              'state',
              'step',
              'reason',
              'attempts',
              'startedAt',
              'updatedAt',
            ]),
          ),
        },
      }
    },

    createCampaignAction: async ({ path, body, principal }) => {
      const action: CampaignAction = body.action
      const campaign = await refusable(() =>
        fleetOf(services).actOnCampaign(path.campaignId, action, principal.name),
      )
      return {
        status: 200,
        body: toCampaign(campaign),
        audit: { action: `campaign.${action}`, subject: path.campaignId, detail: {} },
      }
    },
  }
}

function fleetOf({ fleet }: ApiServices): FleetApi {
  if (fleet === undefined) throw new ApiProblem('service.absent', 'This service looks after no fleet.')
  return fleet
}

/** Refusals of the domain in the words of the API. */
async function refusable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
    if (
      error instanceof Error &&
      (code === 'campaign.unknown' || code === 'campaign.invalid' || code === 'campaign.conflict')
    )
      throw new ApiProblem(code, error.message)
    throw error
  }
}

const unknownStation = (stationId: string): ApiProblem =>
  new ApiProblem('station.unknown', `There is no station "${stationId}"; see GET /api/v1/stations.`)

function toAnchor(anchor: TrustAnchor): Schemas['TrustAnchor'] {
  return pick(anchor, ['fingerprint', 'use', 'subject', 'notBefore', 'notAfter', 'createdAt'])
}

function copied(policy: TrustPolicy): Schemas['TrustPolicy'] {
  return { ...policy, fingerprints: [...policy.fingerprints] }
}

function toCampaign(campaign: Campaign): Schemas['Campaign'] {
  const { waveStartedAt: _, waveEndedAt: __, parameters, limits, ...rest } = campaign
  return { ...rest, parameters: { ...parameters }, limits: { ...limits } }
}

function toReport({ campaign, counts, rest }: CampaignReport): Schemas['CampaignReport'] {
  return { campaign: toCampaign(campaign), counts: { ...counts }, rest: [...rest] }
}
