/** `chaingrad convert`: weights in another format, in fewer bits, in several files. */
import { Command, InvalidArgumentError, Option } from 'commander';

interface ConvertCommandOptions {
  readonly dtype?: 'f16' | 'u8';
  readonly shards?: number;
  readonly names?: string;
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
    .description('write weights in another format, in half precision or quantized; tells what that loses')
    .argument(
      '<in>',
      'npz, safetensors, PyTorch (.pth), Keras (.h5, .keras), tfjs (.json), TFLite; a file, an address or a name',
    )
    .argument('<out>', 'the file to write: .npz, .safetensors or .json (tfjs, with .bin files beside)')
    .addOption(
      new Option('--dtype <type>', 'f16: half precision; u8: quantized (.json only)').choices(['f16', 'u8']),
    )
    .option('--shards <size>', 'the most bytes of values a file: 4MB, 100MiB', size)
    .option('--names <map>', "turn another framework's names and layouts into ours: torchvision-vgg16, ...")
    .option('--model <model>', 'run this model with the weights before and after, and compare what it gives')
    .addHelpText(
      'after',
      '\nExample:\n  chaingrad convert vgg16.pth vgg16.safetensors --names torchvision-vgg16 --dtype f16 --model vgg16',
    )
    .action(async (input: string, output: string, options: ConvertCommandOptions) => {
      const { convert } = await import('./run.ts');
      await convert(input, output, options);
    });
