-- Renews the lease of a feed, and looks whether Redis has what was published.
--
-- KEYS[1] the lease, KEYS[2] the stream
-- ARGV[1] its holder, ARGV[2] for how long, ms, ARGV[3] the holder's token
-- ARGV[4] the last entry that was published; empty = not known
-- ARGV[5] the entry up to which the devices were saved; empty = they were not
-- ARGV[6] now, ms by the replicas' clock
-- Returns 1; 0 if somebody else took it; -1 if it is ours and Redis lacks something.

local h = redis.call('HMGET', KEYS[1], 'token', 'holder', 'at')
local token, mine = tonumber(h[1] or '0'), tonumber(ARGV[3])
if token > mine or token == mine and h[2] ~= ARGV[1] then
  return 0
end
-- token < mine: the server lost the taking, in a failover to a replica that lagged.
redis.call('HSET', KEYS[1], 'token', ARGV[3], 'holder', ARGV[1],
  'until', string.format('%d', tonumber(ARGV[6]) + tonumber(ARGV[2])), 'ttl', ARGV[2])
if ARGV[5] ~= '' and h[3] ~= ARGV[5] then
  return -1
end
if ARGV[4] ~= '' then
  local has, last = false, redis.pcall('XINFO', 'STREAM', KEYS[2]) -- an error if there is none
  for i = 1, #last, 2 do
    has = has or last[i] == 'last-generated-id' and last[i + 1] == ARGV[4]
  end
  return has and 1 or -1
end
return 1
