// Streams go in on stdin, as JSON: {"rounds": n, "streams": [[read, …], …]}, the reads in base64. The best times
// come out, in ns. Reads are bytes, as they come from a connection; decoding them is a part of reading them.

import { readFileSync } from "node:fs";
import { createParser } from "eventsource-parser";

const given = JSON.parse(readFileSync(0, "utf8"));
const streams = given.streams.map((reads) => reads.map((read) => Buffer.from(read, "base64")));

function read(onEvent) {
  for (const reads of streams) {
    const parser = createParser({ onEvent });
    const decoder = new TextDecoder();
    for (const each of reads) parser.feed(decoder.decode(each, { stream: true }));
  }
}

let fields = 0;
const contestants = {
  tokenizer: () => read(() => {}),
  whole: () => {
    fields = 0;
    read((event) => {
      if (event.data !== "[DONE]") fields += Object.keys(JSON.parse(event.data)).length;
    });
  },
};

const best = {};
for (let round = 0; round < given.rounds; round++) {
  for (const [name, run] of Object.entries(contestants)) {
    const start = process.hrtime.bigint();
    run();
    const took = Number(process.hrtime.bigint() - start);
    best[name] = Math.min(best[name] ?? Infinity, took);
  }
}
console.log(JSON.stringify({ ...best, fields }));
