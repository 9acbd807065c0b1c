/** Options that several commands share, and the readers of their values. */
import { InvalidArgumentError, Option } from 'commander';

export const backends = ['auto', 'webgpu', 'wasm', 'cpu'] as const;
export type BackendChoice = (typeof backends)[number];

export const backendOption = () =>
  new Option('--backend <name>', 'where to compute').choices(backends).default('auto');

export const wideOption = () =>
  new Option('--wide', 'compute with registers of 256 bits, on wasm, where Node can (24, x64); experimental');

/** Where weights are another framework's. */
export const namesOption = () =>
  new Option(
    '--names <map>',
    "another framework's names and layouts: torchvision-ssd300, torchvision-vgg16, ...",
  );

/** A number in [0, 1]. */
export function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) {
    throw new InvalidArgumentError('Expected a number from 0 to 1.');
  }
  return value;
}

/** A whole number, at least 1. */
export function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('Expected a whole number, at least 1.');
  }
  return value;
}
