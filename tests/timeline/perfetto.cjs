// Perfetto's own trace processor (WebAssembly) on a trace file, without a browser.
//
//   node perfetto.cjs FOLDER TRACE SQL...      prints a JSON list with the rows of every query
//
// FOLDER has Perfetto's engine_bundle.js and trace_processor*.wasm. The bundle is a web worker: it takes a message port
// and answers requests in Perfetto's RPC protocol (protobuf), of which the few messages needed here are written out.
"use strict";
const fs = require("node:fs");
const path = require("node:path");

const [folder, trace, ...queries] = process.argv.slice(2);
const APPEND = 1, FINALIZE = 2, QUERY = 3;

function varint(number) {
  const bytes = [];
  for (let rest = BigInt(number); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}
const number = (tag, value) => Buffer.concat([varint(tag * 8), varint(value)]);
const bytes = (tag, value) => Buffer.concat([varint(tag * 8 + 2), varint(value.length), value]);
let sequence = 0;
const request = (kind, ...fields) =>
  bytes(1, Buffer.concat([number(1, sequence++), number(2, kind), ...fields]));

function* fieldsOf(buffer) {
  let at = 0;
  const read = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = buffer[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < buffer.length) {
    const key = Number(read());
    if (key % 8 === 0) yield [key >> 3, read()];
    else {
      const length = key % 8 === 1 ? 8 : key % 8 === 5 ? 4 : Number(read());
      yield [key >> 3, buffer.subarray(at, at + length)];
      at += length;
    }
  }
}

function packed(buffer) {
  const values = [];
  let value = 0n, shift = 0n;
  for (const byte of buffer) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte < 128) { values.push(Number(BigInt.asIntN(64, value))); value = 0n; shift = 0n; }
  }
  return values;
}

// A batch of cells: their types one by one, and the values of each type apart.
function cellsOf(batch) {
  let types = [], whole = [], real = [], texts = [];
  for (const [tag, value] of fieldsOf(batch)) {
    if (tag === 1) types = packed(value);
    else if (tag === 2) whole = packed(value);
    else if (tag === 3) real = Array.from({ length: value.length / 8 }, (_, i) => value.readDoubleLE(8 * i));
    else if (tag === 5) texts = value.toString("utf8").split("\0");
  }
  return types.map((type) => [undefined, null, whole, real, texts][type]?.shift() ?? null);
}

const results = [];
function answered(message) {
  for (const [, reply] of fieldsOf(message)) {
    for (const [tag, value] of fieldsOf(reply)) {
      if (tag === 203) {
        const result = results.at(-1);
        for (const [part, content] of fieldsOf(value)) {
          if (part === 1) result.columns.push(content.toString("utf8"));
          if (part === 2 && content.length) throw new Error(content.toString("utf8"));
          if (part === 3) result.cells.push(...cellsOf(content));
        }
      } else if (tag === 5) throw new Error(value.toString("utf8"));
    }
  }
}

// What the bundle wants of a web worker.
process.type = "renderer";
globalThis.self = globalThis;
globalThis.location = { href: "http://localhost/engine_bundle.js" };
globalThis.WorkerGlobalScope = class {};
globalThis.XMLHttpRequest = class {
  open(_, url) { this.file = path.join(folder, path.basename(url)); }
  send() { this.response = fs.readFileSync(this.file); }
};
console.log = console.warn = () => {};

const port = { postMessage: (data) => answered(Buffer.from(data)) };
(0, eval)(fs.readFileSync(path.join(folder, "engine_bundle.js"), "utf8"));
globalThis.onmessage({ data: port });

setImmediate(() => {
  const send = (message) => port.onmessage({ data: new Uint8Array(message) });
  send(request(APPEND, bytes(101, fs.readFileSync(trace))));
  send(request(FINALIZE));
  const tables = queries.map((sql) => {
    results.push({ columns: [], cells: [] });
    send(request(QUERY, bytes(103, bytes(1, Buffer.from(sql)))));
    const { columns, cells } = results.at(-1);
    return Array.from({ length: cells.length / columns.length }, (_, row) =>
      Object.fromEntries(columns.map((name, i) => [name, cells[row * columns.length + i]])));
  });
  process.stdout.write(JSON.stringify(tables));
});
