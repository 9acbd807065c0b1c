/** The errors that tests provoke. */
import { expect } from 'chai';

type ErrorClass<E> = abstract new (...args: never[]) => E;

/** What a promise is rejected with: of the class, where one is given. */
export async function rejection<E = unknown>(promise: Promise<unknown>, type?: ErrorClass<E>): Promise<E> {
  const error = await promise.then(
    () => expect.fail('the promise was fulfilled'),
    (reason: unknown) => reason,
  );
  if (type !== undefined) expect(error).to.be.instanceOf(type);
  return error as E;
}

/** What a function throws: of the class, where one is given. */
export function thrown<E = unknown>(fn: () => unknown, type?: ErrorClass<E>): E {
  try {
    fn();
  } catch (error) {
    if (type !== undefined) expect(error).to.be.instanceOf(type);
    return error as E;
  }
  return expect.fail('nothing was thrown');
}
