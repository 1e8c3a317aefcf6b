/** Whether two types are the same, and not only assignable: `any` is the same as nothing but itself. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only if the types are the same. */
export const same = <A, B>(_: Same<A, B>): void => {};
