"use strict";
// Every network on one image. Activations lie as height × width × channels, so that what a kernel's row
// covers is one run of numbers. Sums are doubles, JavaScript's own numbers: others would be converted at
// each step.
const SIDE = 28;
let networks, normalisation;

function bytes(text) {
  return Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
}

function unpack(layer) {
  const whole = new Int16Array(bytes(layer.weights).buffer);
  return { ...layer, weights: Float64Array.from(whole, value => value * layer.scale) };
}

// Convolution, maximum of each 2×2 square, bias and ReLU in one pass: four neighbours and two channels at
// a time, since each number read then serves several sums. `margin` is what the next layer pads with.
function convolve(layer, input, side, margin) {
  const { size, inputs, outputs, weights, bias } = layer;
  const run = size * inputs, row = (side + size - 1) * inputs;
  const half = side >> 1, wide = half + 2 * margin, output = new Float64Array(wide * wide * outputs);
  for (let channel = 0; channel < outputs; channel += 2) {
    const first = channel * size * run, twins = channel + 1 < outputs;
    for (let y = 0; y < half; y++) {
      for (let x = 0; x < half; x++) {
        let a0 = 0, a1 = 0, b0 = 0, b1 = 0, c0 = 0, c1 = 0, d0 = 0, d1 = 0, w = first;
        for (let line = 0; line < size; line++) {
          const start = (2 * y + line) * row + 2 * x * inputs;
          for (let i = start; i < start + run; i++) {
            const v0 = weights[w++], v1 = weights[w++];
            const a = input[i], b = input[i + inputs], c = input[i + row], d = input[i + row + inputs];
            a0 += a * v0; a1 += a * v1;
            b0 += b * v0; b1 += b * v1;
            c0 += c * v0; c1 += c * v1;
            d0 += d * v0; d1 += d * v1;
          }
        }
        const place = ((y + margin) * wide + x + margin) * outputs + channel;
        output[place] = Math.max(0, Math.max(a0, b0, c0, d0) + bias[channel]);
        if (twins) output[place + 1] = Math.max(0, Math.max(a1, b1, c1, d1) + bias[channel + 1]);
      }
    }
  }
  return output;
}

function multiply(layer, input, last) {
  return Float64Array.from(layer.bias, (bias, unit) => {
    let sum = bias;
    for (let i = 0, w = unit * layer.inputs; i < layer.inputs; i++, w++) sum += input[i] * layer.weights[w];
    return last ? sum : Math.max(0, sum);
  });
}

function softmax(logits) {
  const most = Math.max(...logits), powers = logits.map(logit => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map(power => power / sum);
}

// Pixels, 0 paper to 255 ink, as the networks learned them; round about is 0, the mean, as in training.
function padded(pixels, margin) {
  const wide = SIDE + 2 * margin, image = new Float64Array(wide * wide);
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++)
      image[(y + margin) * wide + x + margin] = (pixels[y * SIDE + x] - normalisation.mean) / normalisation.std;
  return image;
}

function run(network, pixels) {
  const { convolutions, linears } = network, margin = convolutions[0].size >> 1, maps = [];
  let values = padded(pixels, margin), side = SIDE;
  for (const layer of convolutions) {
    const after = layer === convolutions.at(-1) ? 0 : margin;
    values = convolve(layer, values, side, after);
    side >>= 1;
    maps.push({ values, side, margin: after, channels: layer.outputs });
  }
  for (const layer of linears) values = multiply(layer, values, layer === linears.at(-1));
  return { probabilities: softmax(values), maps };
}

onmessage = ({ data }) => {
  if (data.networks) {
    normalisation = data.normalisation;
    networks = data.networks.map(({ convolutions, linears }) =>
      ({ convolutions: convolutions.map(unpack), linears: linears.map(unpack) }));
    return;
  }
  const start = performance.now(), results = networks.map(network => run(network, data.pixels));
  const milliseconds = performance.now() - start, { size, outputs, weights } = networks[data.chosen].convolutions[0];
  postMessage({
    probabilities: results.map(result => result.probabilities),
    maps: results[data.chosen].maps,
    kernels: { size, outputs, weights },
    milliseconds,
  });
};
