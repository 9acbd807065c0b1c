import { expect } from 'chai';
import { CliError, UnknownNameError } from '../../packages/cli/src/errors.ts';
import { detectors, modelHelp, models, parseModel } from '../../packages/cli/src/models.ts';

describe('cli/models', () => {
  it('reads a name alone: the arguments have their defaults', () => {
    const { name, entry, args } = parseModel('ssd300');
    expect(name).to.equal('ssd300');
    expect(entry).to.equal(models.ssd300);
    expect(args).to.deep.equal({ nFgClass: 20 });
  });

  it('reads arguments', () => {
    expect(parseModel('ssd512:nFgClass=50').args).to.deep.equal({ nFgClass: 50 });
    expect(parseModel('vgg16:nClass=10').args).to.deep.equal({ nClass: 10 });
    expect(parseModel('vgg16:').args).to.deep.equal({ nClass: 1000 });
  });

  it('lists what there is when a name is wrong', () => {
    expect(() => parseModel('ssd')).to.throw(
      UnknownNameError,
      "unknown model 'ssd'; valid are: centernet-mobilenetv3-coco, ssd-mobilenet-v2-oid",
    );
    expect(() => parseModel('toString')).to.throw(UnknownNameError, "unknown model 'toString'");
    expect(() => parseModel('ssd300:n=1')).to.throw(
      UnknownNameError,
      "argument of ssd300 'n'; valid are: nFgClass",
    );
    expect(() => parseModel('face:nFgClass=2')).to.throw(
      UnknownNameError,
      "unknown argument of face 'nFgClass'; there are none",
    );
  });

  it('takes whole numbers only', () => {
    for (const value of ['0', '-1', '1.5', 'x', '']) {
      expect(() => parseModel(`ssd300:nFgClass=${value}`)).to.throw(
        CliError,
        `ssd300: nFgClass must be a whole number of at least 1, got '${value}'`,
      );
    }
  });

  it('has a line of help for every model', () => {
    const lines = modelHelp(models, true).split('\n');
    expect(lines).to.have.length(1 + Object.keys(models).length);
    for (const [i, name] of Object.keys(models).entries())
      expect(lines[i + 1]).to.match(new RegExp(`^ {2}${name} +\\S`));
    expect(modelHelp(models, true)).to.include('(nClass=1000)');
    expect(modelHelp(detectors)).not.to.include('vgg16');
  });
});
