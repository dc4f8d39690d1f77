import { ApiProblem } from '../problems.ts'

/** A part of the service that the composition root may leave out. */
export function present<T>(part: T | undefined): T {
  if (part !== undefined) return part
  throw new ApiProblem(
    'service.absent',
    'Use POST /api/v1/stations/{id}/calls/{action} where a station is to act.',
  )
}
