import type { Role } from '../store/access.ts'

/** Each role's rights: viewer reads, operator and security act on different things, admin may everything. */
const INCLUDES: Readonly<Record<Role, readonly Role[]>> = {
  viewer: ['viewer'],
  operator: ['viewer', 'operator'],
  security: ['viewer', 'security'],
  admin: ['viewer', 'operator', 'security', 'admin'],
}

/** Whether a key of `role` may do what one of `wanted` suffices for. */
export function mayActAs(role: Role, wanted: readonly Role[]): boolean {
  return wanted.some((one) => INCLUDES[role].includes(one))
}

export function isRole(value: unknown): value is Role {
  return typeof value === 'string' && Object.hasOwn(INCLUDES, value)
}
