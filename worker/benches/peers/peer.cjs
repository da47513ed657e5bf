// Renders one picture with sharp, once for each line of standard input; the line is JSON and tells its encoder what to do. After each
// it prints a line of JSON, as benches/render.rs does with --paced.
//
//   node peer.cjs as-written|smartest RECIPE jpeg|webp FOLDER FILE
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const sharp = require('sharp');

// One thread, and every picture made anew.
sharp.concurrency(1);
sharp.cache(false);

const [how, recipe, format, folder, file] = process.argv.slice(2);
const widths = recipe.split(',').map((entry) => entry.split('='));
const render = { 'as-written': asWritten, smartest }[how];

// As its documentation shows it: a pipeline per variant.
async function asWritten(input, options) {
  const variants = [];
  for (const [name, width] of widths) {
    variants.push([name, await encoded(resized(sharp(input).rotate(), width), options)]);
  }
  return variants;
}

// The least work that its interface allows: decode once, to the widest variant, and make the others of its pixels.
async function smartest(input, options) {
  const widest = resized(sharp(input).rotate(), widths[0][1]).toColourspace('srgb');
  const { data, info } = await widest.raw().toBuffer({ resolveWithObject: true });
  const raw = { width: info.width, height: info.height, channels: info.channels };
  const variants = [];
  for (const [name, width] of widths) {
    variants.push([name, await encoded(resized(sharp(data, { raw }), width).toColourspace('srgb'), options)]);
  }
  return variants;
}

function resized(pipeline, width) {
  return pipeline.resize({ width: Number(width), withoutEnlargement: true });
}

function encoded(pipeline, options) {
  return pipeline.toFormat(format, options).toBuffer({ resolveWithObject: true });
}

function peakRssKib() {
  return Number(/VmHWM:\s*(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]);
}

function stored([name, { data, info }]) {
  const stem = `${path.basename(file)}-${name}`;
  const target = path.join(folder, `${stem}.${info.format}`);
  fs.writeFileSync(target, data);
  return { name, width: info.width, height: info.height, format: info.format, bytes: data.length, path: target };
}

async function main() {
  fs.mkdirSync(folder, { recursive: true });
  const input = fs.readFileSync(file);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const before = process.cpuUsage();
    const variants = await render(input, JSON.parse(line));
    const { user, system } = process.cpuUsage(before);
    const report = { file, cpu_ms: [(user + system) / 1000], peak_rss_kib: peakRssKib(), variants: variants.map(stored) };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }
}

main();
