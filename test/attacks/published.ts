/**
 * Every attack on files of models that was published since 2022, as far as it concerns a format that is read here: by its name, with its
 * source. Where the original is a program's defect in memory (C and C++), the file is built as the report describes it.
 */
import { readFile } from 'node:fs/promises';
import { deflateRawSync } from 'node:zlib';
import { readArray } from '@chaingrad/core';
import { openWeights } from '@chaingrad/weights';
import { unzipSync, zipSync } from 'fflate';
import { writeNpy } from '../../packages/weights/src/formats/npy.ts';
import { fixturePath } from '../support/goldens.ts';
import {
  buildFlatbuffer,
  bytes as data,
  int8,
  int32,
  int32s,
  table,
  tables,
  text,
  uint8,
  uint32,
} from '../weights/formats/flatbuffer-builder.ts';
import {
  buildHdf5,
  contiguous,
  continuation,
  dataset,
  filters,
  header,
  link,
  message,
  u8,
  u16,
  u32,
  u64,
} from '../weights/formats/hdf5-builder.ts';
import { int, pth, tensor, unicode } from '../weights/formats/pickle-builder.ts';
import { buildZip, type EntrySpec } from '../weights/formats/zip-builder.ts';
import { floats } from '../weights/support.ts';

type Bytes = Uint8Array<ArrayBuffer>;
const utf8 = (value: string): Bytes => new TextEncoder().encode(value);

/** Reads all of a file. @returns its names. */
export async function readAll(bytes: Bytes): Promise<string[]> {
  await using file = await openWeights(new File([bytes], 'evil.bin'));
  for (const key of file.keys()) {
    await file.info(key);
    await readArray(file, key);
  }
  return file.keys();
}

export interface Attack {
  /** The number of the report, and what it is about. */
  readonly title: string;
  readonly source: string;
  make(): Bytes | Promise<Bytes>;
  /** What the error says; or the names that are read, where nothing of the attack concerns a reader of weights. */
  readonly outcome: RegExp | readonly string[];
}

export const advisory = (id: string) => `https://github.com/advisories/${id}`;
export const nvd = (id: string) => `https://nvd.nist.gov/vuln/detail/${id}`;

// ---- safetensors ----------------------------------------------------------------------------------------------------

function safetensors(json: string, values = 0, length = utf8(json).length): Bytes {
  const head = utf8(json);
  const out = new Uint8Array(8 + head.length + values);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.set(head, 8);
  return out;
}
const entry = (shape: readonly number[], start: number, end: number, dtype = 'F32') =>
  JSON.stringify({ dtype, shape, data_offsets: [start, end] });
const audit = 'https://huggingface.co/blog/safetensors-security-audit';
const folderOfAttacks = 'https://github.com/huggingface/safetensors/tree/main/attacks';

const onSafetensors: Attack[] = [
  {
    title: 'audit, polyglots: bytes behind the values, an archive among them',
    source: audit,
    make: () => {
      const file = safetensors(`{"a":${entry([1], 0, 4)}}`, 4);
      const zip = buildZip([{ name: 'x/data.pkl', content: utf8('cos\nsystem\n.') }]);
      return Uint8Array.from([...file, ...zip]);
    },
    outcome: /bytes/,
  },
  {
    title: 'audit, polyglots: a hole between values',
    source: audit,
    make: () => safetensors(`{"a":${entry([1], 0, 4)},"b":${entry([1], 8, 12)}}`, 12),
    outcome: /hole/,
  },
  {
    title: 'audit, JSON: the same key twice, of which parsers take different ones',
    source: audit,
    make: () => safetensors(`{"a":${entry([1], 0, 4)},"a":${entry([1], 0, 4)}}`, 4),
    outcome: /twice/,
  },
  {
    title: 'audit, JSON: a header that does not begin with a brace',
    source: audit,
    make: () => safetensors(` {"a":${entry([1], 0, 4)}}`, 4),
    outcome: /evil\.bin/,
  },
  {
    title: 'audit, overflow: a shape whose product is beyond 64 bits',
    source: audit,
    make: () => safetensors(`{"a":${entry([4194305, 4194305, 211106198978564], 0, 4)}}`, 4),
    outcome: /fits in memory/,
  },
  {
    title: 'audit, overflow: offsets that run backwards',
    source: audit,
    make: () => safetensors(`{"a":${entry([1], 4, 0)}}`, 4),
    outcome: /bytes/,
  },
  {
    title: 'abuse attempt 1: a header that is longer than the file',
    source: folderOfAttacks,
    make: () => safetensors(`{"a":${entry([2, 2], 0, 16)}}`, 16, 1000),
    outcome: /header of at most/,
  },
  {
    title: 'abuse attempt 2: thirty thousand arrays that all are the same bytes',
    source: folderOfAttacks,
    make: () =>
      safetensors(
        `{${Array.from({ length: 30_000 }, (_, i) => `"w${i}":${entry([1000], 0, 4000)}`).join(',')}}`,
        4000,
      ),
    outcome: /overlaps/,
  },
  {
    title: 'abuse attempt 3: a header of gigabytes',
    source: folderOfAttacks,
    make: () => safetensors('{}', 0, 2 ** 32),
    outcome: /header of at most/,
  },
  {
    title: 'numpy_dos: an npz of zeros that unpacks to what it says, and no more',
    source: folderOfAttacks,
    make: () => {
      const packed = deflateRawSync(new Uint8Array(1 << 24));
      return buildZip([
        { name: 'a.npy', content: new Uint8Array(0), packed, deflate: true, claims: { size: 1000 } },
      ]);
    },
    outcome: /evil\.bin/,
  },
  {
    title: 'torch_dos: values that are deflated zeros, which PyTorch unpacks',
    source: folderOfAttacks,
    make: () => {
      const inner = unzipSync(pth(...tensor(int(4), int(1))));
      const zeros = new Uint8Array(1 << 24);
      return zipSync({ ...inner, 'x/data/0': zeros }) as Bytes;
    },
    outcome: /16 bytes/,
  },
];

// ---- pickles --------------------------------------------------------------------------------------------------------

const call = (module: string, name: string, ...args: string[]) =>
  pth([0x80, 2], `c${module}\n${name}\n`, ...args.map((arg) => unicode(arg)), [0x84 + args.length], 'R.');
const picklescan = 'https://github.com/mmaitre314/picklescan/security/advisories';
/** A PyTorch archive with a lie in its zip records. */
const lyingArchive = (lie: Partial<EntrySpec>): Bytes => {
  const files = unzipSync(pth([0x80, 2], 'cos\nsystem\n', unicode('id'), [0x85], 'R.'));
  return buildZip(
    Object.entries(files).map(([name, content]) => ({
      name,
      content,
      ...(name.endsWith('.pkl') ? lie : {}),
    })),
  );
};

const onPickles: Attack[] = [
  {
    title: 'CVE-2025-32434: code through torch.load with weights_only, in the old container',
    source: advisory('GHSA-53q9-r3pm-6pq6'),
    make: () => {
      const tar = new Uint8Array(1024);
      tar.set(utf8('pickle'));
      tar.set(utf8('ustar'), 257);
      return tar;
    },
    outcome: /a file of weights/,
  },
  {
    title: 'CVE-2025-32434: the same, as the numbered pickles of before 1.6',
    source: advisory('GHSA-53q9-r3pm-6pq6'),
    make: () =>
      Uint8Array.from([
        ...[0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e],
        ...[0x80, 2, 0x4d, 0xe9, 0x03, 0x2e],
        ...[0x80, 2, 0x7d, 0x2e],
        ...utf8('cos\nsystem\n(S"id"\ntR.'),
      ]),
    outcome: /os\.system/,
  },
  {
    title: 'a function of torch itself that weights_only has allowed',
    source: 'https://github.com/pytorch/pytorch/security/advisories',
    make: () => call('torch.serialization', 'load', 'x'),
    outcome: /torch\.serialization\.load/,
  },
  {
    title: 'CVE-2024-48063: RemoteModule',
    source: nvd('CVE-2024-48063'),
    make: () => call('torch.distributed.nn.api.remote_module', 'RemoteModule', 'x'),
    outcome: /RemoteModule/,
  },
  {
    title: 'CVE-2025-1716: pip.main, which no list of dangerous names had',
    source: advisory('GHSA-655q-fx9r-782v'),
    make: () => call('pip', 'main', 'install'),
    outcome: /pip\.main/,
  },
  {
    title: 'CVE-2025-1889: a second pickle under another ending',
    source: advisory('GHSA-769v-p64c-89pr'),
    make: () => {
      const first = unzipSync(pth(...tensor(int(2), int(1))));
      return zipSync({ ...first, 'x/config.p': utf8('cos\nsystem\n(S"id"\ntR.') }, { level: 0 }) as Bytes;
    },
    outcome: ['w'],
  },
  {
    title: 'CVE-2025-1944: another name in the local header than in the directory',
    source: advisory('GHSA-7q5r-7gvp-wc82'),
    make: () => lyingArchive({ localName: 'x/datb.pkl' }),
    outcome: /the same name in the local zip header/,
  },
  {
    title: 'CVE-2025-1945: a flag that says encrypted, which one reader minds and the other does not',
    source: advisory('GHSA-w8jq-xcqf-f792'),
    make: () => lyingArchive({ claims: { flags: 1 } }),
    outcome: /encrypted/,
  },
  {
    title: 'CVE-2025-10155: a pickle that is called .bin',
    source: advisory('GHSA-jgw4-cr84-mqxg'),
    make: () => utf8('cos\nsystem\n(S"id"\ntR.'),
    outcome: /a file of weights/,
  },
  {
    title: 'CVE-2025-10156: a wrong checksum, at which a scanner stops',
    source: advisory('GHSA-mjqp-26hc-grxg'),
    make: () => lyingArchive({ claims: { crc: 0 } }),
    outcome: /checksum/,
  },
  {
    title: 'CVE-2025-10157: a class of a module below a listed one',
    source: advisory('GHSA-f7qq-56ww-84cr'),
    make: () => call('asyncio.unix_events', '_UnixSubprocessTransport._start', 'x'),
    outcome: /could be any program/,
  },
  ...[
    ['uuid', '_get_command_stdout'],
    ['_pyrepl.pager', 'pipe_pager'],
    ['imaplib', 'IMAP4_stream'],
    ['_osx_support', '_read_output'],
    ['logging', 'FileHandler'],
    ['timeit', 'timeit'],
    ['idlelib.run', 'Executive.runcode'],
    ['torch.utils.bottleneck.__main__', 'run_cprofile'],
    ['numpy.f2py.crackfortran', 'myeval'],
    ['collections.OrderedDict', '__init__.__globals__'],
  ].map(
    ([module, name]): Attack => ({
      title: `CVE-2026-56315, -56304 and their kind: ${module}.${name}`,
      source: picklescan,
      make: () => call(module!, name!, 'x'),
      outcome: /could be any program/,
    }),
  ),
  {
    title: 'broken pickles (nullifAI): code before the damage at which a scanner stops',
    source: 'https://www.reversinglabs.com/blog/rl-identifies-malware-ml-model-hosted-on-hugging-face (2025)',
    make: () => pth([0x80, 2], 'cposix\nsystem\n', unicode('id'), [0x85], 'R', [0xff]),
    outcome: /posix\.system/,
  },
];

// ---- zip ------------------------------------------------------------------------------------------------------------

const zbsm = 'https://www.bamsoftware.com/hacks/zipbomb/ (Fifield)';
const npy = writeNpy(floats([4])) as Bytes;
const onZip: Attack[] = [
  {
    title: 'full overlap: many entries of the directory that are one in the archive',
    source: zbsm,
    make: () =>
      buildZip(
        Array.from({ length: 100 }, (_, i) => ({
          name: `${String(i).padStart(4, '0')}.npy`,
          content: npy,
          claims: { offset: 0 },
        })),
      ),
    outcome: /overlaps another part/,
  },
  {
    title: 'quoted overlap: each local header is content of the entry before',
    source: zbsm,
    make: () => {
      // A stored block of deflate whose content is the next entry's local header, again and again.
      const sizes = 3;
      const local = (name: string) => {
        const out = new DataView(new ArrayBuffer(30));
        out.setUint32(0, 0x04034b50, true);
        out.setUint16(8, 8, true);
        out.setUint32(18, 0xffffffff, true);
        out.setUint32(22, 0xffffffff, true);
        out.setUint16(26, name.length, true);
        return [...new Uint8Array(out.buffer), ...utf8(name)];
      };
      const names = Array.from({ length: sizes }, (_, i) => `${i}.npy`);
      const kernel = [...deflateRawSync(npy)];
      const quote = (header: number[]) => [0, header.length, 0, 255 - header.length, 255, ...header];
      const second = local(names[1]!);
      const third = local(names[2]!);
      const content2 = kernel;
      const content1 = [...quote(third), ...content2];
      const content0 = [...quote(second), ...content1];
      const archive = [...local(names[0]!), ...content0];
      const starts = [
        0,
        archive.length - content1.length - second.length,
        archive.length - content2.length - third.length,
      ];
      const packed = [content0.length, content1.length, content2.length];
      const directory = names.flatMap((name, i) => {
        const out = new DataView(new ArrayBuffer(46));
        out.setUint32(0, 0x02014b50, true);
        out.setUint16(10, 8, true);
        out.setUint32(20, packed[i]!, true);
        out.setUint32(24, npy.length + 36 * (sizes - 1 - i), true);
        out.setUint16(28, name.length, true);
        out.setUint32(42, starts[i]!, true);
        return [...new Uint8Array(out.buffer), ...utf8(name)];
      });
      const end = new DataView(new ArrayBuffer(22));
      end.setUint32(0, 0x06054b50, true);
      end.setUint16(8, sizes, true);
      end.setUint16(10, sizes, true);
      end.setUint32(12, directory.length, true);
      end.setUint32(16, archive.length, true);
      return Uint8Array.from([...archive, ...directory, ...new Uint8Array(end.buffer)]);
    },
    outcome: /overlaps another part/,
  },
  {
    title: 'an extra field that pushes the content of one entry into the next',
    source: zbsm,
    make: () =>
      buildZip([
        { name: 'a.npy', content: npy, localExtra: 40 },
        { name: 'b.npy', content: npy },
      ]),
    outcome: /of content, got room for/,
  },
  {
    title: 'zip64: a directory that says more entries than it can hold',
    source: 'https://github.com/python/cpython/issues/139700 (CVE-2025-8291)',
    make: () => buildZip([{ name: 'a.npy', content: npy }], { zip64: true, count: 2 ** 40 }),
    outcome: /zip directory entries/,
  },
  {
    title: 'CVE-2025-8291: zip64 records that are not where their locator says',
    source: nvd('CVE-2025-8291'),
    make: () => {
      const bytes = buildZip([{ name: 'a.npy', content: npy }], { zip64: true });
      // The locator's address of the zip64 end record: 14 bytes before the end record.
      new DataView(bytes.buffer).setBigUint64(bytes.length - 22 - 12, 0n, true);
      return bytes;
    },
    outcome: /zip64 end record/,
  },
  {
    title: 'CVE-2024-0450: a size that deflate cannot reach',
    source: nvd('CVE-2024-0450'),
    make: () => buildZip([{ name: 'a.npy', content: npy, deflate: true, claims: { size: 2 ** 31 } }]),
    outcome: /can hold/,
  },
  {
    title: 'CVE-2019-6446 and their kind: an npy of Python objects',
    source: nvd('CVE-2019-6446'),
    make: () => {
      const bytes = new Uint8Array(npy);
      const at = Buffer.from(bytes).indexOf('<f4');
      bytes.set(utf8("|O'"), at);
      bytes.set(utf8(' '), at + 3);
      return buildZip([{ name: 'a.npy', content: bytes }]);
    },
    outcome: /evil\.bin/,
  },
];

// ---- Keras and HDF5 -------------------------------------------------------------------------------------------------

/** Keras 3's archive of the fixtures, with another configuration and more entries. */
async function kerasArchive(config: unknown, more: Record<string, Uint8Array> = {}): Promise<Bytes> {
  const files = unzipSync(new Uint8Array(await readFile(fixturePath('weights/keras3.keras'))));
  return zipSync({ ...files, 'config.json': utf8(JSON.stringify(config)), ...more }, { level: 0 }) as Bytes;
}
export const kerasKeys = async () => {
  await using file = await openWeights(fixturePath('weights/keras3.keras'));
  return file.keys();
};
const lambda = {
  class_name: 'Lambda',
  config: { function: { class_name: '__lambda__', config: { code: '4wEAAAA=' } } },
};
const gadget = (module: string, name: string, config: object = {}) => ({
  module,
  class_name: name,
  registered_name: name,
  config,
});
/** Reports about the configuration of a model, which no reader of weights looks at. */
const configurations: [title: string, source: string, config: object][] = [
  ['CVE-2024-3660: a Lambda layer of marshalled code', nvd('CVE-2024-3660'), lambda],
  ['CVE-2025-1550: any module in place of a layer', advisory('GHSA-48g7-3x6r-xfhp'), gadget('os', 'system')],
  [
    'CVE-2025-8747: keras.utils.get_file in place of a layer',
    advisory('GHSA-c9rc-mg46-23w3'),
    gadget('keras.utils', 'get_file', { origin: 'https://example.org/x' }),
  ],
  ['CVE-2025-9905: safe_mode that is passed over in .h5', advisory('GHSA-36rr-ww3j-vrjv'), lambda],
  [
    'CVE-2025-9906: enable_unsafe_deserialization as a layer',
    advisory('GHSA-36fq-jgmw-4r9c'),
    gadget('keras.config', 'enable_unsafe_deserialization'),
  ],
  [
    'CVE-2025-12058: a vocabulary of StringLookup that is a file or an address',
    advisory('GHSA-mq84-hjqx-cwf2'),
    gadget('keras.layers', 'StringLookup', { vocabulary: '/etc/passwd' }),
  ],
  [
    'CVE-2026-1462: TFSMLayer, which loads a SavedModel from any path',
    advisory('GHSA-4f3f-g24h-fr8m'),
    gadget('keras.layers', 'TFSMLayer', { filepath: '/tmp/evil' }),
  ],
  ['CVE-2026-12480, -12481: Lambda outside of a SafeModeScope', nvd('CVE-2026-12481'), lambda],
];

const hdf5 = 'https://github.com/HDFGroup/hdf5/issues?q=label%3A%22Type+-+Security%22';
const named = (...parts: (readonly number[])[]) =>
  buildHdf5(([, at = 0]) => [header(link('a', at)), parts.flat()]);
const chunkedLayout = (dim: number, size = 4) => [3, 2, 2, ...u64(48), ...u32(dim), ...u32(size)];

const onHdf5: Attack[] = [
  ...configurations.map(
    ([title, source, config]): Attack => ({
      title,
      source,
      make: () => kerasArchive({ class_name: 'Functional', config: { layers: [config] } }),
      outcome: [],
    }),
  ),
  {
    title: 'CVE-2025-12060, -12638, CVE-2026-12479: names in the archive that lead out of every folder',
    source: advisory('GHSA-28jp-44vh-q42h'),
    make: () => kerasArchive({}, { '../../evil.py': utf8('x'), '/etc/evil': utf8('x') }),
    outcome: [],
  },
  {
    title: 'CVE-2026-0897: a dataset of terabytes that was never written',
    source: advisory('GHSA-xfhx-r7ww-5995'),
    make: () => named(dataset(2 ** 40, contiguous(2 ** 64, 0))),
    outcome: /bytes for shape/,
  },
  {
    title: 'CVE-2026-12570: the same in chunks',
    source: advisory('GHSA-74m6-m3xx-3vmj'),
    make: () => named(dataset(2 ** 40, chunkedLayout(2 ** 20))),
    outcome: /bytes for shape/,
  },
  {
    title: 'CVE-2026-1669: values in another file of the machine',
    source: nvd('CVE-2026-1669'),
    make: () =>
      named(
        dataset(
          4,
          [3, 1, ...new Array<number>(8).fill(255), ...u64(16)],
          message(7, [1, 0, 0, 0, ...u16(1), ...u16(1), ...u64(48), ...u64(0), ...u64(0), ...u64(16)]),
        ),
      ),
    outcome: /values in the file itself/,
  },
  {
    title: 'CVE-2026-1669: links to other files, which are not followed',
    source: nvd('CVE-2026-1669'),
    make: () => {
      const target = utf8('\0/etc/passwd\0/x\0');
      return buildHdf5(() => [
        header(message(6, [1, 8, 64, 1, ...utf8('a'), ...u16(target.length), ...target])),
      ]);
    },
    outcome: [],
  },
  {
    title: 'CVE-2026-1669: a virtual dataset, which is put together of other files',
    source: nvd('CVE-2026-1669'),
    make: () => named(dataset(4, [4, 3, ...u64(48), ...u32(0)])),
    outcome: /layout/,
  },
  {
    title: 'CVE-2025-2308: the scale-offset filter',
    source: nvd('CVE-2025-2308'),
    make: () => named(dataset(4, chunkedLayout(4), filters(6))),
    outcome: /HDF5/,
  },
  {
    title: 'CVE-2025-2309, -44905: a type with more bits than its bytes',
    source: nvd('CVE-2025-2309'),
    make: () =>
      named(
        header(
          message(1, [1, 1, 0, 0, 0, 0, 0, 0, ...u64(1)]),
          message(3, [0x10, 8, 0, 0, ...u32(4), ...u16(65000), ...u16(65000)]),
          message(8, contiguous(48, 4)),
        ),
      ),
    outcome: [],
  },
  {
    title: 'CVE-2025-2310: a message whose text is longer than it',
    source: nvd('CVE-2025-2310'),
    make: () => buildHdf5(() => [header(message(6, [1, 3, ...u64(2 ** 40), 97]))]),
    outcome: /bytes of an HDF5 message/,
  },
  {
    title: 'CVE-2025-6269, -6516, -6750: a header that says it is longer than the file',
    source: hdf5,
    make: () =>
      buildHdf5(() => [
        [1, 0, ...u16(1), ...u32(1), ...u32(2 ** 31), ...u32(0), ...message(6, [1, 0, 1, 97, ...u64(48)])],
      ]),
    outcome: /evil\.bin/,
  },
  {
    title: 'CVE-2025-2913, -2926, -6817, -6858: a continuation of no length, or that is its own',
    source: 'https://github.com/HDFGroup/hdf5/pull/5841',
    make: () => buildHdf5(([at = 0]) => [header(continuation(at, 40), continuation(at, 0))]),
    outcome: /evil\.bin/,
  },
  {
    title: 'CVE-2024-29157..-29166, -32605..-32624: a dataspace of 255 dimensions',
    source: 'https://www.hdfgroup.org/2024/05/16/new-hdf5-cve-issues-fixed-in-1-14-4/',
    make: () =>
      named(
        header(
          message(1, [1, 255, 0, 0, 0, 0, 0, 0]),
          message(3, [0x11, 0x20, 0x1f, 0, ...u32(4), ...u16(0), ...u16(32), 23, 8, 0, 23, ...u32(127)]),
          message(8, contiguous(48, 4)),
        ),
      ),
    outcome: /at most 32 dimensions/,
  },
  {
    title: 'CVE-2024-29157..-29166, -32605..-32624: compact values that are longer than their message',
    source: 'https://www.hdfgroup.org/2024/05/16/new-hdf5-cve-issues-fixed-in-1-14-4/',
    make: () => named(dataset(4, [3, 0, ...u16(60000), 1, 2, 3, 4])),
    outcome: /bytes of an HDF5 message/,
  },
  {
    title:
      'CVE-2025-7067..-7069, -2914, -2915: addresses in the superblock that are wrong, and a group within itself',
    source: hdf5,
    make: () => buildHdf5(([at = 0]) => [header(link('a', at))]),
    outcome: /within itself/,
  },
  {
    title: 'CVE-2025-2923..-2925, -6818: a symbol table whose tree leads back to itself',
    source: hdf5,
    make: () => {
      const tree = (at: number) => [
        ...utf8('TREE'),
        ...u8(0),
        ...u8(1),
        ...u16(1),
        ...u64(2 ** 64),
        ...u64(2 ** 64),
        ...u64(0),
        ...u64(at),
        ...u64(0),
      ];
      const heap = (at: number) => [...utf8('HEAP'), 0, 0, 0, 0, ...u64(8), ...u64(2 ** 64), ...u64(at)];
      return buildHdf5(([, at = 0, names = 0]) => [
        header(message(0x11, [...u64(at), ...u64(names)])),
        tree(at),
        heap(names),
      ]);
    },
    outcome: /evil\.bin/,
  },
];

// ---- TFLite ---------------------------------------------------------------------------------------------------------

const tflite = (tensor: Record<number, ReturnType<typeof int8>>, content = new Uint8Array(4), more = {}) =>
  buildFlatbuffer('TFL3', {
    1: tables({ 0: int8(3), 3: int32(3) }),
    2: tables({
      0: tables({ 1: int8(0), 2: uint32(1), 3: text('w'), ...tensor }),
      1: int32s(0),
      2: int32s(0),
      ...more,
    }),
    4: tables({}, { 0: data(content) }),
  });
const tensorflow = (id: string) => `https://github.com/tensorflow/tensorflow/security/advisories/${id}`;

const onTflite: Attack[] = [
  {
    title: 'CVE-2022-23558: a shape whose product overflows an int',
    source: tensorflow('GHSA-9gwq-6cwj-47h3'),
    make: () => tflite({ 0: int32s(0x7fffffff, 0x7fffffff, 0x7fffffff) }),
    outcome: /evil\.bin/,
  },
  {
    title: 'CVE-2022-23557, -41894: dimensions that are negative',
    source: tensorflow('GHSA-gf2j-f278-xh4v'),
    make: () => tflite({ 0: int32s(-1, -4) }),
    outcome: /evil\.bin/,
  },
  {
    title: 'CVE-2022-23560, -23561: a sparse tensor whose segments lie outside of its values',
    source: tensorflow('GHSA-4hvf-hxvg-f67v'),
    make: () =>
      tflite({
        0: int32s(1),
        6: table({
          0: int32s(0),
          2: tables({ 0: int8(1), 1: int32(1), 2: uint8(1), 3: table({ 0: int32s(0, 1 << 30) }) }),
        }),
      }),
    outcome: /sparse/,
  },
  {
    title: 'CVE-2022-21741: a convolution with a stride of zero',
    source: tensorflow('GHSA-428x-9xc2-m8mj'),
    make: () =>
      tflite({ 0: int32s(1) }, new Uint8Array(4), {
        3: tables({
          0: uint32(0),
          1: int32s(0, 0),
          2: int32s(0),
          3: uint8(1),
          4: table({ 0: int8(0), 1: int32(0), 2: int32(0) }),
        }),
      }),
    outcome: ['w'],
  },
  {
    title: 'CVE-2022-29212, -35938: indices of tensors and buffers that do not exist',
    source: tensorflow('GHSA-8wwm-6264-x792'),
    make: () => tflite({ 0: int32s(1), 2: uint32(0x7fffffff) }),
    outcome: /evil\.bin/,
  },
  {
    title: 'an offset of a flatbuffer that leads out of the file',
    source: 'https://github.com/google/flatbuffers/issues (verifiers that are not called)',
    make: () => {
      const bytes = tflite({ 0: int32s(1) });
      new DataView(bytes.buffer).setUint32(0, 0x7fffffff, true);
      return bytes;
    },
    outcome: /evil\.bin/,
  },
];

export const published: Readonly<Record<string, readonly Attack[]>> = {
  safetensors: onSafetensors,
  'pickles of PyTorch': onPickles,
  'zip archives': onZip,
  'Keras and HDF5': onHdf5,
  TFLite: onTflite,
};
