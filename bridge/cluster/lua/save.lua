-- Saves the devices that changed since they were saved the last time, if the feed's holder
-- holds the lease still and Redis has what was saved then.
--
-- KEYS[1] the lease, KEYS[2] the devices
-- ARGV[1] the holder, ARGV[2] its token
-- ARGV[3] the entry up to which they were saved, ARGV[4] that up to which they are now
-- ARGV[5] number of devices that changed, k
-- ARGV[6 .. 5+2k] device, status ...; ARGV[6+2k ..] devices that are gone
-- Returns 1; 0 if the lease is somebody else's; -1 if Redis lacks what was saved.

local h = redis.call('HMGET', KEYS[1], 'token', 'holder', 'at')
local token, mine = tonumber(h[1] or '0'), tonumber(ARGV[2])
if token > mine or token == mine and h[2] ~= ARGV[1] then
  return 0
end
if h[3] ~= ARGV[3] then
  return -1
end
local sets = 5 + 2 * tonumber(ARGV[5])
local STEP = 1000 -- Lua's stack bounds the arguments of one call
for i = 6, sets, STEP do
  redis.call('HSET', KEYS[2], unpack(ARGV, i, math.min(i + STEP - 1, sets)))
end
for i = sets + 1, #ARGV, STEP do
  redis.call('HDEL', KEYS[2], unpack(ARGV, i, math.min(i + STEP - 1, #ARGV)))
end
redis.call('HSET', KEYS[1], 'at', ARGV[4])
return 1
