// Talks to the program as an interface engine would, with node-hl7-client and
// node-hl7-server:
//
//   node talk.mjs send HOST PORT    sends the messages of standard input, one a line, over
//                                   one connection, and prints verdict and control id of
//                                   each answer
//   node talk.mjs take PORT [NO]    takes messages, prints what it read of each, and does
//                                   not accept (AE) those whose order control is NO
import { text as all } from "node:stream/consumers";
import { Client, Message } from "node-hl7-client";
import { Server } from "node-hl7-server";

const say = (...words) => process.stdout.write(words.join(" ") + "\n");
const text = (message, path) => message.get(path).toString();

async function send(host, port) {
  const messages = (await all(process.stdin)).split("\n").filter((m) => m);
  const waits = new Map(); // by control id: the client may send one twice, and that is answered twice
  const client = new Client({ host });
  const line = client.createConnection({ port }, async (res) => {
    const ack = res.getMessage();
    waits.get(text(ack, "MSA.2"))?.(text(ack, "MSA.1"));
  });
  line.on("error", (err) => { say("error", err.message); process.exit(1); });
  await new Promise((done) => line.once("connect", done));
  for (const raw of messages) {
    const message = new Message({ text: raw });
    const control = text(message, "MSH.10");
    const answer = new Promise((done) => waits.set(control, done));
    await line.sendMessage(message);
    say(await answer, control);
  }
  await line.close();
  client.closeAll();
}

function take(port, no) {
  const server = new Server({ bindAddress: "127.0.0.1" });
  const inbound = server.createInbound({ port }, async (req, res) => {
    const m = req.getMessage();
    const control = m.exists("ORC") ? text(m, "ORC.1") : "";
    say(text(m, "MSH.9.1"), text(m, "MSH.10"), control, text(m, "PID.3.1"), text(m, "PID.5.1"));
    await res.sendResponse(no && control === no ? "AE" : "AA");
  });
  inbound.on("listen", () => say("ready"));
  for (const what of ["data.error", "error", "client.error"]) inbound.on(what, (err) => say("error", err?.message));
}

const [what, ...rest] = process.argv.slice(2);
if (what === "send") {
  await send(rest[0], Number(rest[1]));
  process.exit(0);
} else if (what === "take") {
  take(Number(rest[0]), rest[1]);
} else {
  console.error("usage: node talk.mjs send HOST PORT | take PORT [NO]");
  process.exit(2);
}
