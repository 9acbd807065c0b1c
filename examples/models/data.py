"""What the models here learn from: Fashion-MNIST, or numbers that are drawn. As data.ts."""
import argparse
import gzip

import torch


def steps_of(usual):
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=usual)
    return parser.parse_args().steps


def fashion(split, count, wanted=range(10)):
    prefix = {"train": "train", "test": "t10k"}[split]
    folder = "/usr/share/datasets/fashion-mnist"

    def read(name, header):
        with gzip.open(f"{folder}/{prefix}-{name}-ubyte.gz") as file:
            return torch.frombuffer(bytearray(file.read()[header:]), dtype=torch.uint8)

    labels = read("labels-idx1", 8).long()
    taken = torch.isin(labels, torch.tensor(list(wanted))).nonzero()[:count, 0]
    return read("images-idx3", 16).reshape(-1, 1, 28, 28)[taken].float() / 255, labels[taken]


def draw(pictures, size):
    images, labels = pictures
    chosen = torch.randint(len(labels), (size,))
    return images[chosen], labels[chosen]
