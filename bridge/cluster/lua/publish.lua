-- Publishes one entry of a feed, if its holder holds the lease still and nothing is missing
-- before it.
--
-- KEYS[1] the lease, KEYS[2] the stream, KEYS[3] the devices
-- ARGV[1] the holder, ARGV[2] its token, ARGV[3] the entry's number, ARGV[4] entries to keep
-- ARGV[5] the entry
-- ARGV[6] what it means: c changes, s snapshot (KEYS[3] are the devices from now on; KEYS[4],
--         if there is one, those before), d down (ARGV[7] says why), x released
-- ARGV[7] of c: number of devices that changed, k
-- ARGV[8 .. 7+2k] device, status ...; ARGV[8+2k ..] devices that are gone
-- Returns 1; 0 if the lease is somebody else's; -1 if Redis lacks the entry before
-- these changes.

local h = redis.call('HMGET', KEYS[1], 'token', 'holder', 'n')
local token, mine = tonumber(h[1] or '0'), tonumber(ARGV[2])
if token > mine or token == mine and h[2] ~= ARGV[1] then
  return 0
end
local what = ARGV[6]
-- Who follows sees the missing number of all others, and reads everything again.
if what == 'c' and tonumber(h[3] or '0') + 1 ~= tonumber(ARGV[3]) then
  return -1
end
if what == 'c' then
  local sets = 7 + 2 * tonumber(ARGV[7])
  local STEP = 1000 -- Lua's stack bounds the arguments of one call
  for i = 8, sets, STEP do
    redis.call('HSET', KEYS[3], unpack(ARGV, i, math.min(i + STEP - 1, sets)))
  end
  for i = sets + 1, #ARGV, STEP do
    redis.call('HDEL', KEYS[3], unpack(ARGV, i, math.min(i + STEP - 1, #ARGV)))
  end
  redis.call('HSET', KEYS[1], 'n', ARGV[3])
elseif what == 's' then
  redis.call('PERSIST', KEYS[3])
  redis.call('HSET', KEYS[1], 'token', ARGV[2], 'n', ARGV[3], 'snapshot', KEYS[3])
  redis.call('HDEL', KEYS[1], 'down')
  if KEYS[4] then
    redis.call('UNLINK', KEYS[4])
  end
elseif what == 'd' then
  redis.call('HSET', KEYS[1], 'n', ARGV[3], 'down', ARGV[7])
else
  redis.call('HSET', KEYS[1], 'n', ARGV[3], 'until', '0')
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'e', ARGV[5])
return 1
