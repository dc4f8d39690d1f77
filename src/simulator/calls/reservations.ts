import type {
  IdTokenType,
  ReserveNowRequest,
  ReserveNowStatusEnumType,
} from '../../ocpp/v201/messages.generated.ts'
import type { Handlers, StationContext } from '../context.ts'
import type { Evse } from '../evse.ts'
import type { Cancel } from '../scheduler.ts'

interface Reservation {
  readonly id: number
  /** Undefined: any EVSE of the station will do (H01). */
  readonly evseId: number | undefined
  readonly token: IdTokenType
  readonly group: IdTokenType | undefined
  readonly cancelExpiry: Cancel
}

export interface ReservationServices {
  evses(): readonly Evse[]
  statusChanged(evse: Evse): void
  sameGroup(a: IdTokenType, b: IdTokenType): boolean
}

/** H01-H04: EVSEs kept for a driver until a given time. */
export class Reservations {
  readonly #context: StationContext
  readonly #services: ReservationServices
  readonly #reservations = new Map<number, Reservation>()

  constructor(context: StationContext, services: ReservationServices) {
    this.#context = context
    this.#services = services
  }

  reservedFor(evseId: number): boolean {
    return [...this.#reservations.values()].some((reservation) => reservation.evseId === evseId)
  }

  /** Whether somebody else's reservation keeps this driver off the EVSE. */
  keepsOut(evseId: number, token: IdTokenType, group: IdTokenType | undefined): boolean {
    const here = [...this.#reservations.values()].filter((reservation) => reservation.evseId === evseId)
    return here.length > 0 && !here.some((reservation) => this.#isFor(reservation, token, group))
  }

  take(evseId: number, token: IdTokenType): number | undefined {
    const found = [...this.#reservations.values()].find(
      (each) => (each.evseId ?? evseId) === evseId && this.#isFor(each, token, undefined),
    )
    if (found === undefined) return undefined
    this.#remove(found)
    return found.id
  }

  /** An EVSE that fails or leaves service loses its reservations (H01.FR, ReservationStatusUpdate Removed). */
  removeFor(evseId: number): void {
    for (const reservation of this.#reservations.values()) {
      if (reservation.evseId !== evseId) continue
      this.#remove(reservation)
      this.#announce(reservation, 'Removed')
    }
  }

  readonly handlers: Handlers = {
    ReserveNow: (request) => ({ answer: { status: this.#reserve(request) } }),
    CancelReservation: ({ reservationId }) => {
      const reservation = this.#reservations.get(reservationId)
      if (reservation === undefined) return { answer: { status: 'Rejected' } }
      return { answer: { status: 'Accepted' }, after: () => this.#remove(reservation) }
    },
  }

  #isFor(reservation: Reservation, token: IdTokenType, group: IdTokenType | undefined): boolean {
    if (this.#services.sameGroup(reservation.token, token)) return true
    const wanted = reservation.group
    if (wanted === undefined) return false
    return wanted.idToken === token.idToken || wanted.idToken === group?.idToken
  }

  #reserve(request: ReserveNowRequest): ReserveNowStatusEnumType {
    const { device, clock, scheduler } = this.#context
    if (!device.flag('ReservationCtrlr.Enabled')) return 'Rejected'
    const evses = this.#services.evses()
    const candidates =
      request.evseId === undefined ? evses : evses.filter((evse) => evse.id === request.evseId)
    const statuses = candidates.map((evse) => this.#statusFor(evse, request.id))
    if (!statuses.includes('Accepted')) return statuses[0] ?? 'Rejected'
    const expiresInMs = Date.parse(request.expiryDateTime) - clock.now()
    if (expiresInMs <= 0) return 'Rejected'
    const present = this.#reservations.get(request.id)
    if (present !== undefined) this.#remove(present)
    const reservation: Reservation = {
      id: request.id,
      evseId: request.evseId,
      token: request.idToken,
      group: request.groupIdToken,
      cancelExpiry: scheduler.after(expiresInMs, () => {
        this.#remove(reservation)
        this.#announce(reservation, 'Expired')
      }),
    }
    this.#reservations.set(reservation.id, reservation)
    this.#statusOf(reservation)
    return 'Accepted'
  }

  #statusFor(evse: Evse, reservationId: number): ReserveNowStatusEnumType {
    const status = evse.status(1)
    const own = this.#reservations.get(reservationId)?.evseId === evse.id
    if (status === 'Available' || (status === 'Reserved' && own)) return 'Accepted'
    return status === 'Reserved' ? 'Occupied' : status
  }

  #remove(reservation: Reservation): void {
    reservation.cancelExpiry()
    if (!this.#reservations.delete(reservation.id)) return
    this.#statusOf(reservation)
  }

  #announce(reservation: Reservation, reservationUpdateStatus: 'Expired' | 'Removed'): void {
    this.#context.send('ReservationStatusUpdate', { reservationId: reservation.id, reservationUpdateStatus })
  }

  #statusOf(reservation: Reservation): void {
    const evse = this.#services.evses().find((each) => each.id === reservation.evseId)
    if (evse !== undefined) this.#services.statusChanged(evse)
  }
}
