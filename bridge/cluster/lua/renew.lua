-- Renews the lease of a feed.
--
-- KEYS[1] the lease
-- ARGV[1] its holder, ARGV[2] for how long, ms, ARGV[3] the holder's token
-- Returns 1, or 0 if somebody else took it.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local h = redis.call('HMGET', KEYS[1], 'token', 'holder')
local token, mine = tonumber(h[1] or '0'), tonumber(ARGV[3])
if token > mine or token == mine and h[2] ~= ARGV[1] then
  return 0
end
-- token < mine: the server lost the taking, in a failover to a replica that lagged.
redis.call('HSET', KEYS[1], 'token', ARGV[3], 'holder', ARGV[1],
  'until', string.format('%d', now + tonumber(ARGV[2])), 'ttl', ARGV[2])
return 1
