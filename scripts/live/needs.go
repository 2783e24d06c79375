package main

// needs is what a PBX must have; it is part of the help.
const needs = `Plays a small office's calls on a real PBX with scripted phones, lets strict watchers subscribe to them at
the bridge, and checks every lamp, every NOTIFY and every body. Makes calls: not for a PBX that people use.

What the PBX must have:
  - five extensions that may register over UDP with a password (--users 201:secret,202:secret,…), that may
    register from this machine, and whose calls to each other ring for 4 to 14 s and then end (scenario no_answer)
  - call waiting on the second (a second call rings), hold, and transfer by REFER
  - *89<extension> to pick up, *78 and *79 for do not disturb (other codes: --codes; none: leave it empty)
  - Asterisk: ARI with a user that may write; DND kept in Custom:DND<extension>, as FreePBX does
  - FreeSWITCH: the event socket; phones called by user/NUMBER@DOMAIN, or with presence_id, so that called legs
    have a presentity

Then the same phones register through the edge of a bridge of its own, know nothing else, call each other (hold,
cancel, both transfers, over UDP and TCP), hang up after the bridge was killed in mid-call, and
pick up (--edge=false leaves it out). For that the PBX must
  - keep the Path of a registration (Asterisk: support_path=yes), and know the phones by their names, not by this
    machine's address: 'blfbridge pbx-config' prints it
  - have no pickup code: with --codes dnd-on=*78,dnd-off=*79 the office picks nothing up by the PBX's own, and
    everything that is picked up is picked up by the edge
FreeSWITCH loses the caller where the phone that picked up hangs up within about 20 ms of the 200: the caller stays
connected to nobody until it hangs up. It does so without the edge as well; the phones here wait for 300 ms.
With --program a second FreeSWITCH is started and ended, with files of its own (bridge/testdata/freeswitch) and on
ports of its own: a careless one that knows nothing of blfbridge. What 'blfbridge pbx-config freeswitch' prints is
pasted into it, whole and without each of its lines, and 'blfbridge doctor' is asked each time.
What is not there shows as a failed scenario of that name.

Examples:
  scripts/test-live --lab
  scripts/test-live --asterisk http://10.0.0.5:8088/ari --ari-user blf --ari-password x --users 201:a,202:b,203:c,204:d,205:e
  scripts/test-live --freeswitch 10.0.0.6:8021 --esl-password x --domain pbx.example --users 1001:a,1002:b,1003:c,1006:d,1004:e --program /usr/bin/freeswitch
`
