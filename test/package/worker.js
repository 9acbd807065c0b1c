import { serveExamples } from '@chaingrad/training/worker';

serveExamples(({ values, label }) => [Float32Array.from(values), label]);
