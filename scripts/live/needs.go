package main

// needs is what a PBX must have; it is part of the help.
const needs = `Plays a small office's calls on a real PBX with four scripted phones, lets strict watchers subscribe to them at
the bridge, and checks every lamp, every NOTIFY and every body. Makes calls: not for a PBX that people use.

What the PBX must have:
  - four extensions that may register over UDP with a password (--users 201:secret,202:secret,…), that may
    register from this machine, and whose calls to each other ring for 4 to 14 s and then end (scenario no_answer)
  - call waiting on the second (a second call rings), hold, and transfer by REFER
  - *89<extension> to pick up, *78 and *79 for do not disturb (other codes: --codes; none: leave it empty)
  - Asterisk: ARI with a user that may write; DND kept in Custom:DND<extension>, as FreePBX does
  - FreeSWITCH: the event socket; presence_id in the dial string, so that called legs have a presentity
What is not there shows as a failed scenario of that name.

Examples:
  scripts/test-live --lab
  scripts/test-live --asterisk http://10.0.0.5:8088/ari --ari-user blf --ari-password x --users 201:a,202:b,203:c,204:d
  scripts/test-live --freeswitch 10.0.0.6:8021 --esl-password x --domain pbx.example --users 1001:a,1002:b,1003:c,1006:d
`
