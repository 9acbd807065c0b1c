/** Tables of what takes options: unknown names and other things than objects are refused everywhere. */
import { InvalidArgumentError, UnknownOptionError } from '@chaingrad/core';
import { expect } from 'chai';
import { rejection } from './errors.ts';
import { optionTakers } from './option-takers.ts';

/** Calls what takes options; a list begins with who is named in messages, where that is not the key. */
type Taker = (options: never) => unknown;

/** By the names of `optionTakers`. */
export type OptionTable = Readonly<Record<string, Taker | readonly [where: string, call: Taker]>>;

/**
 * The tests of a package's table.
 * @param table by the names of `optionTakers`, and more.
 * @param others names of exports whose objects are no options, or which only carry options.
 */
export function describeOptions(name: string, table: OptionTable, others: readonly string[] = []): void {
  it('the table has every function, class and method that takes options', () => {
    const known = new Set([...Object.keys(table), ...others]);
    expect(optionTakers(name).filter((taker) => !known.has(taker))).to.deep.equal([]);
  });

  for (const [key, taker] of Object.entries(table)) {
    const [where, call] = typeof taker === 'function' ? [key, taker] : taker;
    it(key, async () => {
      const unknown = await rejection(attempt(call, { notAnOption: 1 }), UnknownOptionError);
      expect(unknown.message).to.include(`${where}: expected an option of `);
      for (const wrong of ['2', true, [1]]) {
        const error = await rejection(attempt(call, wrong), InvalidArgumentError);
        expect(error.message, String(wrong)).to.include(where);
      }
    });
  }
}

const attempt = async (call: Taker, options: unknown): Promise<unknown> => call(options as never);

/** Tests of single mistakes, with a part of the message. */
export function describeMistakes(mistakes: readonly [call: () => unknown, text: string][]): void {
  for (const [call, text] of mistakes) {
    it(text, async () => {
      const error = await rejection((async () => call())(), InvalidArgumentError);
      expect(error.message).to.include(text);
    });
  }
}
