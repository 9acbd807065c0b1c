/**
 * A reader of the pickles in PyTorch's files. A pickle is a program; this runs none of it: the only things it can make are
 * numbers, texts, lists, dictionaries and what `known` allows by name. Any other name is an error before anything is called.
 * Format: CPython, Lib/pickletools.py (protocols 0 to 5).
 */
import { FormatError, type FormatPlace } from '@chaingrad/core';

/** What a pickle names, as module and name: `torch._utils`, `_rebuild_tensor_v2`. */
export interface PickleGlobal {
  readonly module: string;
  readonly name: string;
}

export interface PickleRules {
  /** Makes what a call of a name stands for. Undefined: the name is not allowed. */
  call(callee: PickleGlobal, args: readonly unknown[]): unknown;
  /** Whether a name may occur at all. */
  allows(name: PickleGlobal): boolean;
  /** Makes what a persistent id stands for. */
  persistent(id: unknown): unknown;
  /** Whether a value that `call` made may be given a state, which is not kept. */
  hasState(value: unknown): boolean;
}

/** A dictionary; its keys may be anything. */
export type PickleDict = Map<unknown, unknown>;

const mark = Symbol('mark');

/** Larger than any list of weights; a pickle that makes more is an attack on memory. */
const maxSteps = 1 << 23;
/** Steps that a pickle has beside one for each of its bytes. */
const freeSteps = 1 << 16;
/** A dictionary takes as much memory as so many steps. */
const dictSteps = 16;

/**
 * Reads one pickle.
 * @param bytes may hold more behind it.
 * @returns the value, and where the pickle ends.
 * @throws FormatError for what is not allowed, and for damage.
 */
export function readPickle(
  bytes: Uint8Array,
  rules: PickleRules,
  place: FormatPlace,
  start = 0,
): { value: unknown; end: number } {
  return new Unpickler(bytes, rules, place, start).run();
}

/** To make a decoder takes longer than to decode a name. */
const utf8 = new TextDecoder();
const latin1 = new TextDecoder('latin1');

class Unpickler {
  readonly #view: DataView;
  readonly #memo = new Map<number, unknown>();
  #stack: unknown[] = [];
  #steps = 0;

  constructor(
    readonly bytes: Uint8Array,
    readonly rules: PickleRules,
    readonly place: FormatPlace,
    public at: number,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): { value: unknown; end: number } {
    for (;;) {
      const op = this.#byte();
      if (op === 0x2e) {
        if (this.#stack.length !== 1 || this.#stack[0] === mark)
          this.#fail('one value at the end', `${this.#stack.length}`);
        return { value: this.#stack[0], end: this.at };
      }
      this.#spend(1);
      this.#step(op);
    }
  }

  #step(op: number): unknown {
    const push = (value: unknown) => this.#stack.push(value);
    switch (String.fromCharCode(op)) {
      case '\x80': // PROTO
        if (this.#byte() > 5) this.#fail('pickle protocol 0 to 5', `${this.bytes[this.at - 1]}`);
        return null;
      case '\x95': // FRAME: only says how much may be read ahead
        this.#length(8);
        return null;
      case '(':
        return push(mark);
      case '0':
        return this.#pop();
      case '1':
        return this.#toMark();
      case '2':
        return push(this.#top());
      case 'N':
        return push(null);
      case '\x88':
        return push(true);
      case '\x89':
        return push(false);
      case 'I': {
        const text = this.#line();
        return push(text === '01' ? true : text === '00' ? false : this.#number(text));
      }
      case 'L':
        return push(this.#number(this.#line().replace(/L$/, '')));
      case 'F':
        return push(this.#number(this.#line()));
      case 'J':
        return push(this.#view.getInt32(this.#take(4), true));
      case 'K':
        return push(this.#byte());
      case 'M':
        return push(this.#view.getUint16(this.#take(2), true));
      case 'G':
        return push(this.#view.getFloat64(this.#take(8), false));
      case '\x8a':
        return push(this.#long(this.#byte()));
      case '\x8b':
        return push(this.#long(this.#length(4)));
      case 'S':
      case 'V':
        return push(this.#line().replace(/^['"]|['"]$/g, ''));
      case 'T':
        return push(this.#text(this.#length(4), 'latin1'));
      case 'U':
        return push(this.#text(this.#byte(), 'latin1'));
      case 'X':
        return push(this.#text(this.#length(4)));
      case '\x8c':
        return push(this.#text(this.#byte()));
      case '\x8d':
        return push(this.#text(this.#length(8)));
      case 'B':
        return push(this.#blob(this.#length(4)));
      case 'C':
        return push(this.#blob(this.#byte()));
      case '\x8e':
        return push(this.#blob(this.#length(8)));
      case ']':
        return push([]);
      case 'l':
        return push(this.#toMark());
      case ')':
        return push([]);
      case 't':
        return push(this.#toMark());
      case '\x85':
        return push(this.#last(1));
      case '\x86':
        return push(this.#last(2));
      case '\x87':
        return push(this.#last(3));
      case '}':
        this.#spend(dictSteps);
        return push(new Map());
      case 'd':
        this.#spend(dictSteps);
        return push(this.#fill(new Map(), this.#toMark()));
      case '\x8f':
        this.#spend(dictSteps);
        return push(new Set());
      case '\x90': {
        const items = this.#toMark();
        const set = this.#top();
        if (!(set instanceof Set)) this.#fail('a set', 'another value');
        else for (const item of items) set.add(item);
        return null;
      }
      case 'a':
        return this.#append([this.#pop()]);
      case 'e':
        return this.#append(this.#toMark());
      case 's':
        return this.#fill(this.#dict(2), this.#last(2));
      case 'u': {
        const items = this.#toMark();
        return this.#fill(this.#dict(0), items);
      }
      case 'p':
        return this.#memo.set(this.#number(this.#line()), this.#top());
      case 'q':
        return this.#memo.set(this.#byte(), this.#top());
      case 'r':
        return this.#memo.set(this.#length(4), this.#top());
      case '\x94':
        return this.#memo.set(this.#memo.size, this.#top());
      case 'g':
        return push(this.#recall(this.#number(this.#line())));
      case 'h':
        return push(this.#recall(this.#byte()));
      case 'j':
        return push(this.#recall(this.#length(4)));
      case 'c': {
        const module = this.#line();
        return push(this.#global(module, this.#line()));
      }
      case '\x93': {
        const [module, name] = this.#last(2);
        if (typeof module !== 'string' || typeof name !== 'string') this.#fail('a name', 'another value');
        return push(this.#global(module as string, name as string));
      }
      case 'R': {
        const [callee, args] = this.#last(2);
        if (!(callee instanceof Global) || !Array.isArray(args))
          this.#fail('a call of a known name', 'another');
        // What is made of lists and dictionaries takes as long as they are, at every call.
        for (const arg of args as unknown[]) {
          this.#spend(
            Array.isArray(arg) ? arg.length : arg instanceof Map || arg instanceof Set ? arg.size : 0,
          );
        }
        this.#spend(dictSteps);
        return push(this.rules.call(callee as Global, args as unknown[]));
      }
      case 'Q':
        return push(this.rules.persistent(this.#pop()));
      case 'b': {
        // The state of an object: that of a dictionary (PyTorch's `_metadata`) or a parameter is not needed.
        const [target] = this.#last(2);
        if (!(target instanceof Map) && !this.rules.hasState(target)) {
          this.#fail('an object without state', 'one with state');
        }
        return push(target);
      }
      default:
        this.#fail(
          'a pickle of tensors',
          `operation 0x${op.toString(16)} at byte ${this.at - 1}`,
          'Such a file can run programs: it is not read. Save model.state_dict() alone.',
        );
    }
  }

  /** Counts what takes time or memory. */
  #spend(steps: number): void {
    this.#steps += steps;
    const most = Math.min(maxSteps, this.bytes.length + freeSteps);
    if (this.#steps > most) this.#fail(`a pickle of at most ${most} steps`, 'more');
  }

  #global(module: string, name: string): Global {
    const global = new Global(module, name);
    if (!this.rules.allows(global)) {
      this.#fail(
        'a state dict: tensors by name',
        `${module}.${name}`,
        'The file wants to call it, which could be any program: it is not read. Save model.state_dict() alone.',
      );
    }
    return global;
  }

  #fill(dict: PickleDict, items: readonly unknown[]): PickleDict {
    if (items.length % 2 !== 0) this.#fail('keys and values', 'one more');
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (typeof key === 'string' && dict.has(key)) this.#fail('every name once', `'${key}' twice`);
      dict.set(key, items[i + 1]);
    }
    return dict;
  }

  #append(items: readonly unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw this.#error('a list', 'another value');
    for (const item of items) list.push(item);
  }

  /** The dictionary below the top `above` values. */
  #dict(above: number): PickleDict {
    const dict = this.#stack[this.#stack.length - 1 - above];
    if (!(dict instanceof Map)) return this.#fail('a dictionary', 'another value');
    return dict;
  }

  #recall(index: number): unknown {
    if (!this.#memo.has(index)) this.#fail('a value that was kept', `number ${index}`);
    return this.#memo.get(index);
  }

  #top(): unknown {
    const value = this.#stack.at(-1);
    if (this.#stack.length === 0 || value === mark) this.#fail('a value', 'none');
    return value;
  }

  #pop(): unknown {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #last(count: number): unknown[] {
    const values = this.#stack.splice(-count);
    if (values.length < count || values.includes(mark)) this.#fail(`${count} values`, 'fewer');
    return values;
  }

  #toMark(): unknown[] {
    const at = this.#stack.lastIndexOf(mark);
    if (at < 0) this.#fail('a mark', 'none');
    const values = this.#stack.splice(at);
    values.shift();
    return values;
  }

  #byte(): number {
    return this.bytes[this.#take(1)]!;
  }

  #take(length: number): number {
    const { at } = this;
    if (at + length > this.bytes.length)
      this.#fail(`${length} bytes at ${at}`, `the end at ${this.bytes.length}`);
    this.at += length;
    return at;
  }

  #length(width: 4 | 8): number {
    const at = this.#take(width);
    return width === 4 ? this.#view.getUint32(at, true) : Number(this.#view.getBigUint64(at, true));
  }

  #text(length: number, encoding: 'utf-8' | 'latin1' = 'utf-8'): string {
    const at = this.#take(length);
    return (encoding === 'latin1' ? latin1 : utf8).decode(this.bytes.subarray(at, at + length));
  }

  #blob(length: number): Uint8Array {
    const at = this.#take(length);
    return this.bytes.slice(at, at + length);
  }

  #line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) this.#fail('a line', 'the end');
    const text = this.#text(end - this.at);
    this.at++;
    return text;
  }

  #number(text: string): number {
    const value = Number(text);
    if (text.trim() === '' || Number.isNaN(value)) this.#fail('a number', `'${text.slice(0, 40)}'`);
    return value;
  }

  /** An integer in two's complement. Beyond 2**53 it is no size of anything here. */
  #long(length: number): number {
    if (length > 16) this.#fail('an integer of at most 16 bytes', `${length}`);
    const at = this.#take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[at + i]!);
    if (length > 0 && this.bytes[at + length - 1]! >= 0x80) value -= 1n << BigInt(8 * length);
    return Number(value);
  }

  #fail(expected: string, got: string, advice?: string): never {
    throw this.#error(expected, got, advice);
  }

  #error(expected: string, got: string, advice?: string): FormatError {
    return new FormatError(this.place, expected, got, advice);
  }
}

/** A name in a pickle. */
export class Global implements PickleGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
}
