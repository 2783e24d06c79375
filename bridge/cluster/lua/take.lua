-- Takes the lease of a feed if nobody holds it.
--
-- KEYS[1] the lease, a hash: token, holder, until (ms by the clock of Redis), ttl, n, snapshot, down
-- ARGV[1] who takes it, ARGV[2] for how long, ms
-- Returns {taken 0 or 1, token, ms left, n}. The token rises with every taking.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local h = redis.call('HMGET', KEYS[1], 'token', 'until', 'ttl', 'n')
local token, till, ttl, n = tonumber(h[1] or '0'), tonumber(h[2] or '0'), tonumber(h[3] or '0'), tonumber(h[4] or '0')
-- More left than a lease lasts: the clock was set back.
if till > now and till - now <= ttl then
  return {0, token, till - now, n}
end
redis.call('HSET', KEYS[1], 'token', string.format('%d', token + 1), 'holder', ARGV[1],
  'until', string.format('%d', now + tonumber(ARGV[2])), 'ttl', ARGV[2])
return {1, token + 1, tonumber(ARGV[2]), n}
