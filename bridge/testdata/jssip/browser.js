// What JsSIP finds in a browser: a WebSocket that names its page, and WebRTC without media.
// The SIP is JsSIP's own.
'use strict';
const { WebSocket } = require('ws');

global.window = global;
global.WebSocket = class extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, { origin: process.env.ORIGIN || undefined });
  }
};

// A PBX without DTLS is offered plain RTP, to the discard port.
const describe = (id, version, direction) => ['v=0', `o=- ${id} ${version} IN IP4 127.0.0.1`, 's=-', 'c=IN IP4 127.0.0.1', 't=0 0',
  'm=audio 9 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000', `a=${direction}`, ''].join('\r\n');

// RFC 3264 §6.1: what is answered to a direction.
const answers = { sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' };

class Track extends EventTarget {
  kind = 'audio';
  enabled = true;
  stop() {}
}

class MediaStream {
  tracks = [new Track()];
  getTracks() { return this.tracks; }
  getAudioTracks() { return this.tracks; }
  getVideoTracks() { return []; }
}

global.RTCPeerConnection = class extends EventTarget {
  signalingState = 'stable';
  iceConnectionState = 'connected';
  iceGatheringState = 'complete';
  id = Math.floor(Math.random() * 1e9);
  version = 0;
  senders = [];

  async createOffer() { return { type: 'offer', sdp: describe(this.id, ++this.version, 'sendrecv') }; }
  async createAnswer() {
    const [, offered] = /^a=(sendonly|recvonly|inactive)/m.exec(this.remoteDescription.sdp) || [];
    return { type: 'answer', sdp: describe(this.id, ++this.version, answers[offered] || 'sendrecv') };
  }
  async setLocalDescription(d) { this.localDescription = d; this.settle(d, 'have-local-offer'); }
  async setRemoteDescription(d) { this.remoteDescription = d; this.settle(d, 'have-remote-offer'); }
  settle(d, offered) { this.signalingState = d.type === 'offer' ? offered : 'stable'; }
  addTrack(track) { this.senders.push({ track }); }
  getSenders() { return this.senders; }
  getReceivers() { return []; }
  close() { this.signalingState = 'closed'; }
};
global.RTCSessionDescription = class { constructor(d) { Object.assign(this, d); } };

module.exports = { JsSIP: require('jssip'), MediaStream, say: (what) => console.log(JSON.stringify(what)) };
