-- Publishes one of a feed's seldom entries, if its holder holds the lease still. Changes are
-- added to the stream without a script, which refuses those of lower tokens.
--
-- KEYS[1] the lease, KEYS[2] the stream, KEYS[3] the devices, KEYS[4] those before, if any
-- ARGV[1] the holder, ARGV[2] its token, ARGV[3] the entry's id, token-n
-- ARGV[4] about how many entries to keep, ARGV[5] the entry
-- ARGV[6] what it means: s snapshot (KEYS[3] are the devices from now on), d down (ARGV[7]
--         says why), x released
-- Returns 1; 0 if the lease is somebody else's, or the stream has a higher id.

local h = redis.call('HMGET', KEYS[1], 'token', 'holder')
local token, mine = tonumber(h[1] or '0'), tonumber(ARGV[2])
if token > mine or token == mine and h[2] ~= ARGV[1] then
  return 0
end
local added = redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], ARGV[3], 'e', ARGV[5])
if added.err then
  return string.find(added.err, 'smaller', 1, true) and 0 or added
end
local what = ARGV[6]
if what == 's' then
  redis.call('PERSIST', KEYS[3])
  redis.call('HSET', KEYS[1], 'token', ARGV[2], 'snapshot', KEYS[3], 'at', ARGV[3])
  redis.call('HDEL', KEYS[1], 'down')
  if KEYS[4] then
    redis.call('UNLINK', KEYS[4])
  end
elseif what == 'd' then
  redis.call('HSET', KEYS[1], 'down', ARGV[7])
else
  redis.call('HSET', KEYS[1], 'until', '0')
end
return 1
