/** Whether two types are identical, not only assignable. `any` is identical to itself only. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only if the types are identical. */
export const same = <A, B>(_: Same<A, B>): void => {};
