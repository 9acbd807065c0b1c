/** The integer quotient of a and b, rounded up. */
export const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);
