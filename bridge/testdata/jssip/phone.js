// A web phone that is told what to do by lines of its input: node phone.js wss://…
// sip:me@… password number-to-watch. It prints what it learns as lines of JSON.
'use strict';
const { JsSIP, MediaStream, say } = require('./browser');

const [url, uri, password, watched] = process.argv.slice(2);
const ua = new JsSIP.UA({
  sockets: [new JsSIP.WebSocketInterface(url)], uri, password, register_expires: 600, connection_recovery_max_interval: 2,
});
const media = () => ({ mediaStream: new MediaStream(), mediaConstraints: { audio: true, video: false } });
const calls = []; // the newest last

ua.on('newRTCSession', ({ session, originator }) => {
  calls.push(session);
  const tell = (event) => (e) => say({ event, cause: e && e.cause });
  const gone = (event) => (e) => {
    calls.splice(calls.indexOf(session), 1);
    tell(event)(e);
  };
  session.on('confirmed', tell('up'));
  session.on('ended', gone('ended'));
  session.on('failed', gone('failed'));
  if (originator === 'remote') tell('rings')();
});

// The subscription outlives the connection: it is refreshed over the next one.
let watch;
ua.on('registered', () => {
  if (!watch) {
    watch = ua.subscribe(watched, 'dialog', 'application/dialog-info+xml', { expires: 600 });
    watch.on('notify', (final, request, body) => say({ lamp: body }));
    watch.on('terminated', (code, reason) => say({ event: 'unwatched', code, reason }));
  }
  watch.subscribe();
  say({ event: 'registered' });
});
ua.on('registrationFailed', ({ cause }) => say({ event: 'unregistered', cause }));
ua.on('disconnected', ({ code }) => say({ event: 'disconnected', code }));

// JsSIP says no while an answer is outstanding.
const insist = (f) => f() || setTimeout(insist, 50, f);
// A BYE without a connection would be lost. A broken one is seen when the events that are due have come.
const connected = (f) => setTimeout(() => (ua.isRegistered() ? f() : ua.once('registered', f)), 50);
const hangUp = (session) => session.isEnded() || session.terminate();
const last = () => calls[calls.length - 1];

// refer transfers the far end of one call; where that has come about, all of them are over.
const refer = (session, target, options) => {
  const over = calls.slice();
  const transfer = session.refer(target, options);
  transfer.on('requestFailed', ({ cause }) => say({ event: 'refused', cause }));
  transfer.on('failed', (e) => say({ event: 'untransferred', status: e.status_line.status_code }));
  transfer.on('accepted', () => over.forEach(hangUp));
};

const verbs = {
  dial: (number) => ua.call(number, media()),
  answer: () => last().answer(media()),
  hold: () => insist(() => last().hold()),
  resume: () => insist(() => last().unhold()),
  transfer: (number) => refer(last(), number),
  consult: (number) => insist(() => last().hold({}, () => ua.call(number, media()))),
  attend: () => refer(calls[0], calls[1].remote_identity.uri, { replaces: calls[1] }),
  hangup: () => connected(() => hangUp(last())),
};
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const [verb, ...args] = line.split(' ');
  verbs[verb](...args);
});
ua.start();
