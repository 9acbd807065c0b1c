import { InvalidArgumentError } from '@chaingrad/core';
import type { Trainer } from './trainer.ts';

const fields = {
  iteration: ({ updater }: Trainer) => updater.iteration,
  epoch: ({ updater }: Trainer) => updater.epoch,
} as const;

const isField = (name: string): name is keyof typeof fields => name in fields;

/** A file's name with `{iteration}` and `{epoch}` in it. */
export class FileName {
  readonly #pattern: RegExp;

  /** @throws InvalidArgumentError for another field, or a name with a slash. */
  constructor(
    where: string,
    readonly template: string,
  ) {
    for (const [field, name] of template.matchAll(/\{([^}]*)\}/g)) {
      if (isField(name!)) continue;
      throw new InvalidArgumentError(`${where} filename`, 'the fields {iteration} and {epoch}', field);
    }
    if (template === '' || /[/\\]/.test(template)) {
      throw new InvalidArgumentError(
        `${where} filename`,
        'the name of a file, without folders',
        `'${template}'`,
      );
    }
    const parts = template.split(/\{[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    this.#pattern = new RegExp(`^${parts.join('(\\d+)')}$`);
  }

  /** The name at this moment. */
  at(trainer: Trainer): string {
    return this.template.replace(/\{([^}]*)\}/g, (_, name: keyof typeof fields) =>
      String(fields[name](trainer)),
    );
  }

  /** The numbers in a name of this form; null for another name. */
  match(name: string): number[] | null {
    return this.#pattern.exec(name)?.slice(1).map(Number) ?? null;
  }
}
