"""What `clew bench data` times, written with OpenCV and numpy: PNG crops to augmented training pictures, on one thread.

    python3 bench/data-opencv.py FOLDER [--size 224] [--seconds 3]

Prints one line of JSON. Where numpy would be the slow part (noise, colour shifts), OpenCV's own functions or lookup tables do the same.
"""

import argparse
import json
import os
import time

import cv2
import numpy as np

cv2.setNumThreads(1)
rng = np.random.default_rng(0)
BYTES = np.arange(256)


def hit(p):
    return rng.random() < p


def truncated(table):
    return np.clip(table, 0, 255).astype(np.uint8)


def jpeg(x):
    quality = int(rng.integers(60, 101))
    return cv2.imdecode(cv2.imencode(".jpg", x, (cv2.IMWRITE_JPEG_QUALITY, quality))[1], cv2.IMREAD_COLOR)


def noise(x):
    g = np.empty(x.shape, np.float32)
    cv2.randn(g, 0, rng.uniform(10, 50) ** 0.5)
    g += x
    return truncated(g)


def brightness_contrast(x):
    table = BYTES.astype(np.float32) * np.float32(1 + rng.uniform(-0.2, 0.2)) + np.float32(255 * rng.uniform(-0.2, 0.2))
    return cv2.LUT(x, truncated(table))


def fancy_pca(x):
    covariance = np.cov(x.reshape(-1, 3).T / 255)
    w, v = np.linalg.eigh(covariance)
    w, v = w[::-1], v[:, ::-1]
    shift = 255 * rng.normal(0, 0.1) * (v.T @ w)
    return cv2.LUT(x, truncated(BYTES[:, None] + shift)[:, None, :])


def hsv(x):
    h, s, v = cv2.split(cv2.cvtColor(x, cv2.COLOR_RGB2HSV))
    h = cv2.LUT(h, np.mod(BYTES + rng.uniform(-20, 20), 180).astype(np.uint8))
    s = cv2.LUT(s, truncated(BYTES + rng.uniform(-30, 30)))
    v = cv2.LUT(v, truncated(BYTES + rng.uniform(-20, 20)))
    return cv2.cvtColor(cv2.merge((h, s, v)), cv2.COLOR_HSV2RGB)


def gray(x):
    return cv2.cvtColor(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def shift_scale_rotate(x):
    h, w = x.shape[:2]
    m = cv2.getRotationMatrix2D((w / 2 - 0.5, h / 2 - 0.5), rng.uniform(-10, 10), 1 + rng.uniform(-0.2, 0.2))
    m[0, 2] += rng.uniform(-0.1, 0.1) * w
    m[1, 2] += rng.uniform(-0.1, 0.1) * h
    return cv2.warpAffine(x, m, (w, h))


def load(path, size):
    x = cv2.resize(cv2.imread(path), (size, size))
    if hit(0.5):
        x = jpeg(x)
    if hit(0.1):
        x = noise(x)
    if hit(0.05):
        x = cv2.GaussianBlur(x, (3, 3), 0)
    if hit(0.5):
        x = cv2.flip(x, 1)
    if hit(0.7):
        x = (brightness_contrast, fancy_pca, hsv)[rng.integers(3)](x)
    if hit(0.2):
        x = gray(x)
    if hit(0.5):
        x = shift_scale_rotate(x)
    return x


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seconds", type=float, default=3)
    arguments = parser.parse_args()
    paths = sorted(entry.path for entry in os.scandir(arguments.folder))
    for path in paths:
        load(path, arguments.size)
    images, start, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < arguments.seconds:
        load(paths[images % len(paths)], arguments.size)
        images += 1
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"version": cv2.__version__, "images": images, "seconds": seconds, "cpuSeconds": cpu_seconds}))


main()
