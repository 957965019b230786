"use strict";
// Runs every network on one image. Activations lie as height × width × channels, so that what a row of a kernel
// covers is contiguous. Sums are doubles, JavaScript's own numbers: others would be converted at each step.
const SIDE = 28;
let networks, normalisation;

function unpack(layer) {
  const bytes = Uint8Array.from(atob(layer.weights), letter => letter.charCodeAt(0));
  return { ...layer, weights: Float64Array.from(new Int16Array(bytes.buffer), level => level * layer.scale) };
}

// Convolution, maximum of each 2×2 square, bias and ReLU in one pass, four neighbours at a time. The output has
// the `margin` of zeros that the next layer needs.
function convolve(layer, input, side, margin) {
  const { size, inputs, outputs, weights, bias } = layer;
  const run = size * inputs, row = (side + size - 1) * inputs;
  const half = side >> 1, width = half + 2 * margin, output = new Float64Array(width * width * outputs);
  for (let channel = 0; channel < outputs; channel++) {
    for (let y = 0; y < half; y++) {
      for (let x = 0; x < half; x++) {
        let a = 0, b = 0, c = 0, d = 0, w = channel * size * run;
        for (let line = 0; line < size; line++) {
          const start = (2 * y + line) * row + 2 * x * inputs;
          for (let i = start; i < start + run; i++) {
            const weight = weights[w++];
            a += input[i] * weight;
            b += input[i + inputs] * weight;
            c += input[i + row] * weight;
            d += input[i + row + inputs] * weight;
          }
        }
        output[((y + margin) * width + x + margin) * outputs + channel] = Math.max(0, Math.max(a, b, c, d) + bias[channel]);
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
  const max = Math.max(...logits), powers = logits.map(logit => Math.exp(logit - max));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map(power => power / sum);
}

// Normalises pixels, 0 to 255, as in training, and pads them with zeros.
function normalise(pixels, margin) {
  const width = SIDE + 2 * margin, image = new Float64Array(width * width);
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++)
      image[(y + margin) * width + x + margin] = (pixels[y * SIDE + x] - normalisation.mean) / normalisation.std;
  return image;
}

function run(network, pixels) {
  const { convolutions, linears } = network, margin = convolutions[0].size >> 1, maps = [];
  let values = normalise(pixels, margin), side = SIDE;
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
  const { pixels, chosen } = data, results = networks.map(network => run(network, pixels)), { maps } = results[chosen];
  const { weights } = networks[chosen].convolutions[0];
  postMessage({ probabilities: results.map(result => result.probabilities), chosen, maps, weights });
};
