/** `chaingrad convert`: weights in another format, in fewer bits, in several files. */
import { Command, InvalidArgumentError, Option } from 'commander';

interface ConvertCommandOptions {
  readonly dtype?: 'f16' | 'u8' | 'i8';
  readonly shards?: number;
  readonly names?: string;
  readonly calibrate?: string;
  readonly model?: string;
}

/** `4MB`, `500kB`, `1GiB`, `1000000`. */
export function size(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kMG]?)(i?)B?$/.exec(text);
  const power = { '': 0, k: 1, M: 2, G: 3 }[match?.[2] ?? ''];
  const bytes = match === null ? 0 : Number(match[1]) * (match[3] === 'i' ? 1024 : 1000) ** power!;
  if (!(bytes >= 1)) throw new InvalidArgumentError('Expected a size like 4MB.');
  return Math.floor(bytes);
}

export const convertCommand = () =>
  new Command('convert')
    .description('write weights in another format, in half precision or in 8 bits; tells what that loses')
    .argument(
      '<in>',
      'npz, safetensors, PyTorch (.pth), Keras (.h5, .keras), tfjs (.json), TFLite; a file, an address or a name',
    )
    .argument('<out>', 'the file to write: .npz, .safetensors or .json (tfjs, with .bin files beside)')
    .addOption(
      new Option(
        '--dtype <type>',
        'f16: half precision; i8: 8 bits, a scale for each output channel (.safetensors only); u8: 8 bits, a scale and a minimum for each array (.json only)',
      ).choices(['f16', 'i8', 'u8']),
    )
    .option('--shards <size>', 'the most bytes of values a file: 4MB, 100MiB', size)
    .option('--names <map>', "turn another framework's names and layouts into ours: torchvision-vgg16, ...")
    .option(
      '--calibrate <dir>',
      'with --dtype i8: run the model with pictures of this folder, so that it may compute in 8 bits, too (on wasm)',
    )
    .option(
      '--model <model>',
      'the model of the weights, where the file does not tell; it is run with those before and after, and compared',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  chaingrad convert vgg16.pth vgg16.safetensors --names torchvision-vgg16 --dtype f16 --model vgg16\n' +
        '  chaingrad convert run/best.npz small.safetensors --dtype i8 --calibrate photos',
    )
    .action(async (input: string, output: string, options: ConvertCommandOptions) => {
      const { convert } = await import('./run.ts');
      await convert(input, output, options);
    });
