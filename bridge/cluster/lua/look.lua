-- Tells how a feed stands.
--
-- KEYS[1] the lease
-- Returns {token, ms left, n}.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local h = redis.call('HMGET', KEYS[1], 'token', 'until', 'ttl', 'n')
local left = tonumber(h[2] or '0') - now
if left < 0 or left > tonumber(h[3] or '0') then
  left = 0
end
return {tonumber(h[1] or '0'), left, tonumber(h[4] or '0')}
