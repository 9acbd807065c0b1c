/** The thread of `finetune` that augments pictures, while the main one learns from those before. */
import { serveExamples } from '@chaingrad/training/worker';
import { type DetectionExample, type SSDPicturing, ssdPicture } from '@chaingrad/vision';

serveExamples<DetectionExample, DetectionExample, SSDPicturing>((example, { rng, data }) =>
  ssdPicture(example, data, rng),
);
